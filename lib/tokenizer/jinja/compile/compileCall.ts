// Calls: the arguments, and what the sandbox lets be called.

import type { Arguments, Call } from "../syntax/nodes.js";
import { isIterable, iterate } from "../values/iterate.js";
import { PythonError, typeError } from "../values/pythonError.js";
import { typeName } from "../values/typeName.js";
import { Undefined } from "../values/undefined.js";
import {
  Dict,
  isText,
  type Keywords,
  NO_KEYWORDS,
  type Run,
  TemplateObject,
  textOf,
  type Value,
} from "../values/value.js";
import type { Frame } from "./frame.js";
import type { Scope } from "./scope.js";

interface Given {
  readonly args: readonly Value[];
  readonly keywords: Keywords;
}

/** Words of Python: arguments of such names are passed in a dict, where the last of a name is taken. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "False None True and as assert async await break class continue def del elif else except finally for from global if import " +
    "in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

export function compileArguments(node: Arguments, frame: Frame): (scope: Scope) => Given {
  const args = node.args.map((arg) => frame.expression(arg));
  const keywords = node.keywords.map(({ key, value }) => ({ key, compute: frame.expression(value) }));
  const moreArgs = node.moreArgs && frame.expression(node.moreArgs);
  const moreKeywords = node.moreKeywords && frame.expression(node.moreKeywords);
  refuseRepeated(node, frame);
  if (keywords.length === 0 && moreArgs === undefined && moreKeywords === undefined) {
    return (scope) => ({ args: args.map((arg) => arg(scope)), keywords: NO_KEYWORDS });
  }
  return (scope) => {
    const values = args.map((arg) => arg(scope));
    if (moreArgs !== undefined) values.push(...itemsAfterStar(scope.run, moreArgs(scope)));
    const named = new Map<string, Value>();
    for (const { key, compute } of keywords) named.set(key, compute(scope));
    if (moreKeywords !== undefined) addKeywords(scope.run, named, moreKeywords(scope));
    return { args: values, keywords: named };
  };
}

function refuseRepeated(node: Arguments, frame: Frame): void {
  const keys = node.keywords.map(({ key }) => key);
  const repeated = keys.find((key, index) => keys.indexOf(key) < index);
  if (repeated === undefined || keys.some((key) => RESERVED.has(key))) return;
  frame.compilation.pythonErrors.push(new PythonError("SyntaxError", `keyword argument repeated: ${repeated}`));
}

function itemsAfterStar(run: Run, value: Value): Iterable<Value> {
  if (!isIterable(run, value)) throw typeError(`Value after * must be an iterable, not ${typeName(value)}`);
  return iterate(run, value);
}

function addKeywords(run: Run, named: Map<string, Value>, value: Value): void {
  if (value instanceof Undefined) throw value.failure();
  if (!(value instanceof Dict)) throw typeError(`argument after ** must be a mapping, not ${typeName(value)}`);
  for (const [key, item] of value.entries()) {
    run.budget.spend(1);
    if (!isText(key)) throw typeError("keywords must be strings");
    const name = textOf(key);
    if (named.has(name)) throw typeError(`got multiple values for keyword argument '${name}'`);
    named.set(name, item);
  }
}

/** Calls something; a call block gives its body as `caller`. */
export type CallOut = (scope: Scope, caller?: Value) => Value;

export function compileCall(node: Call, frame: Frame): CallOut {
  const callee = frame.expression(node.node);
  const given = compileArguments(node, frame);
  return (scope, caller) => {
    const called = callee(scope);
    const { args, keywords } = given(scope);
    if (caller === undefined) return callValue(scope.run, called, args, keywords);
    if (keywords.has("caller")) throw typeError("got multiple values for keyword argument 'caller'");
    return callValue(scope.run, called, args, new Map([...keywords, ["caller", caller]]));
  };
}

/** @throws PythonError TypeError for what cannot be called, and whatever the function itself throws. */
export function callValue(run: Run, called: Value, args: readonly Value[], keywords: Keywords): Value {
  if (called instanceof Undefined) throw called.failure();
  if (!(called instanceof TemplateObject) || !called.callable) {
    throw typeError(`'${typeName(called)}' object is not callable`);
  }
  run.budget.spend(1);
  return called.call(run, args, keywords);
}
