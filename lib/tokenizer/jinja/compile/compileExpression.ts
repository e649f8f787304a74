// Expressions as functions that compute them.

import type { Binary, Compare, Comparison, DictNode, Expression, Filter, Item, Name } from "../syntax/nodes.js";
import { assertionError } from "../syntax/syntaxError.js";
import { attributeOf, itemOf, sliceValue } from "../values/access.js";
import type { Operator } from "../values/arithmetic.js";
import { contains, equal, ordered } from "../values/compare.js";
import { floatText } from "../values/floatText.js";
import { isTrue } from "../values/iterate.js";
import { operate, signed } from "../values/operators.js";
import { isKind, PythonError } from "../values/pythonError.js";
import { quoted, toText } from "../values/textValue.js";
import { Undefined } from "../values/undefined.js";
import { Dict, Float, List, type Native, type Run, Tuple, type Value } from "../values/value.js";
import { compileArguments, compileCall } from "./compileCall.js";
import type { Compute } from "./compilers.js";
import { foldedValue, isWritable, NotConstant, unreadable } from "./fold.js";
import type { Frame } from "./frame.js";
import type { Scope } from "./scope.js";

/** @throws PythonError TemplateAssertionError for filters and tests that do not exist. */
export function compileExpression(node: Expression, frame: Frame): Compute {
  const { budget } = frame.compilation;
  budget.enter();
  const compute = compileFolded(node, frame) ?? counted(compile(node, frame));
  budget.leave();
  return compute;
}

/** What jinja2 computes when it reads the template; undefined for what must wait. */
function compileFolded(node: Expression, frame: Frame): Compute | undefined {
  const value = node.kind === "const" && !frame.folds ? node.value : foldedValue(node, frame);
  if (value === undefined || !isWritable(value)) return undefined;
  const name = unreadable(value);
  if (name === undefined) return () => value;
  return () => {
    throw new PythonError("NameError", `name '${name}' is not defined`);
  };
}

/** What is printed: computed ahead it is a text, whatever it is. */
export function compilePrinted(node: Expression, frame: Frame): (scope: Scope) => string {
  const value = foldedValue(node, frame);
  if (value === undefined) {
    const compute = frame.expression(node);
    return (scope) => toText(scope.run, compute(scope));
  }
  return (scope) => toText(scope.run, value);
}

/** Counts what is computed. */
function counted(compute: Compute): Compute {
  return (scope) => {
    scope.run.budget.spend(1);
    return compute(scope);
  };
}

function compile(node: Expression, frame: Frame): Compute {
  const part = (one: Expression): Compute => frame.expression(one);
  switch (node.kind) {
    case "const": {
      const { value } = node;
      return () => value;
    }
    case "name":
      return frame.folds ? notConstant : compileName(node, frame);
    case "namespaceRef":
      throw new Error("a place to assign to is no value");
    case "tuple":
    case "list":
      return compileItems(node.kind, node.items.map(part));
    case "dict":
      return compileDict(node, frame);
    case "conditional":
      return compileConditional(node, frame.branch());
    case "call": {
      if (frame.folds) return notConstant;
      const call = compileCall(node, frame);
      return (scope) => call(scope);
    }
    case "filter":
    case "test":
      return compileFilter(node, node.node === undefined ? () => "" : part(node.node), frame);
    case "attribute": {
      const owner = part(node.node);
      const { attribute } = node;
      return (scope) => attributeOf(scope.run, owner(scope), attribute);
    }
    case "item":
      return compileItem(node, frame);
    case "slice":
      if (frame.folds) return () => new Undefined({ hint: "a slice is no value" });
      frame.compilation.pythonErrors.push(new PythonError("SyntaxError", `invalid syntax (line ${node.line})`));
      return () => null;
    case "concat": {
      const parts = node.nodes.map(part);
      return (scope) => {
        const values = parts.map((one) => one(scope)); // all of them before any is written, as in Python
        return scope.run.budget.text(values.map((one) => toText(scope.run, one)).join(""));
      };
    }
    case "compare":
      return compileCompare(node, frame);
    case "binary":
      return compilePower(node, frame) ?? compileBinary(node.operator, part(node.left), part(node.right));
    case "unary":
      return compileUnary(node.operator, part(node.node));
  }
}

function notConstant(): Value {
  throw new NotConstant();
}

function compileName({ name }: Name, frame: Frame): Compute {
  const slot = frame.symbols.ref(name);
  const { index } = slot;
  const find = frame.code.finder(slot);
  return (scope) => {
    const value = find(scope).values[index];
    return value === undefined ? new Undefined({ nameText: () => quoted(name) }) : value;
  };
}

function compileItems(kind: "tuple" | "list", items: readonly Compute[]): Compute {
  return (scope) => {
    scope.run.budget.spend(items.length);
    const values = items.map((item) => item(scope));
    return kind === "list" ? new List(values) : new Tuple(values);
  };
}

function compileDict(node: DictNode, frame: Frame): Compute {
  const pairs = node.items.map(({ key, value }) => [frame.expression(key), frame.expression(value)] as const);
  return (scope) => {
    const dict = new Dict();
    for (const [key, value] of pairs) dict.set(key(scope), value(scope), scope.run);
    return dict;
  };
}

function compileConditional(node: Extract<Expression, { kind: "conditional" }>, frame: Frame): Compute {
  const test = frame.expression(node.test);
  const value = frame.expression(node.value);
  const otherwise = node.otherwise === undefined ? undefined : frame.expression(node.otherwise);
  const hint = `the inline if-expression on line ${node.line} evaluated to false and no else section was defined.`;
  return (scope) => {
    if (isTrue(scope.run, test(scope))) return value(scope);
    if (otherwise === undefined && frame.folds) throw new NotConstant();
    return otherwise === undefined ? new Undefined({ hint, lenient: true }) : otherwise(scope);
  };
}

/** Filters that jinja2 does not compute ahead. */
const WITH_CONTEXT: ReadonlySet<string> = new Set("map select reject selectattr rejectattr random".split(" "));

/** A filter or test of something. */
export function compileFilter(node: Filter, operand: Compute, frame: Frame): Compute {
  const { kind, name, line } = node;
  const native = (kind === "filter" ? frame.compilation.filters : frame.compilation.tests).get(name);
  if (frame.folds && (native === undefined || node.node === undefined || WITH_CONTEXT.has(name))) return notConstant;
  if (native === undefined && !frame.soft) throw assertionError(`No ${kind} named '${name}'.`, line);
  const apply: Native =
    native ??
    (() => {
      throw new PythonError("TemplateRuntimeError", `No ${kind} named '${name}' found.`);
    });
  const more = compileArguments(node, frame);
  return (scope) => {
    const value = operand(scope);
    const { args, keywords } = more(scope);
    return apply(scope.run, [value, ...args], keywords);
  };
}

function compileItem({ node, key }: Item, frame: Frame): Compute {
  const owner = frame.expression(node);
  if (key.kind !== "slice") {
    const entry = frame.expression(key);
    return (scope) => itemOf(scope.run, owner(scope), entry(scope));
  }
  const bounds = [key.start, key.stop, key.step].map((bound) =>
    bound === undefined ? () => null : frame.expression(bound),
  ) as [Compute, Compute, Compute];
  return (scope) => {
    const value = owner(scope);
    const [start, stop, step] = bounds.map((bound) => bound(scope)) as [Value, Value, Value];
    if (!frame.folds) return sliceValue(scope.run, value, start, stop, step);
    try {
      return sliceValue(scope.run, value, start, stop, step);
    } catch (error) {
      if (!isKind(error, "TypeError")) throw error;
      return new Undefined({ hint: error.message });
    }
  };
}

const COMPARE: Readonly<Record<Comparison, (run: Run, a: Value, b: Value) => boolean>> = {
  "==": equal,
  "!=": (run, a, b) => !equal(run, a, b),
  "<": (run, a, b) => ordered(run, "<", a, b),
  "<=": (run, a, b) => ordered(run, "<=", a, b),
  ">": (run, a, b) => ordered(run, ">", a, b),
  ">=": (run, a, b) => ordered(run, ">=", a, b),
  in: (run, a, b) => contains(run, b, a),
  "not in": (run, a, b) => !contains(run, b, a),
};

/** `a < b < c` holds where both do; b is computed once, and c only where the first holds. */
function compileCompare(node: Compare, frame: Frame): Compute {
  const first = frame.expression(node.node);
  const operands = node.operands.map(({ operator, value }) => ({
    holds: COMPARE[operator],
    compute: frame.expression(value),
  }));
  return (scope) => {
    let left = first(scope);
    for (const { holds, compute } of operands) {
      const right = compute(scope);
      if (!holds(scope.run, left, right)) return false;
      left = right;
    }
    return true;
  };
}

function compileBinary(operator: Operator | "and" | "or", left: Compute, right: Compute): Compute {
  if (operator === "and") {
    return (scope) => {
      const value = left(scope);
      return isTrue(scope.run, value) ? right(scope) : value;
    };
  }
  if (operator === "or") {
    return (scope) => {
      const value = left(scope);
      return isTrue(scope.run, value) ? value : right(scope);
    };
  }
  return (scope) => operate(scope.run, operator, left(scope), right(scope));
}

/**
 * A power whose base jinja2 computes ahead. It writes a negative one without parentheses, and so Python takes the power of
 * the number without its sign: `(-8) ** n` is -1 for n = 0.
 */
function compilePower(node: Binary, frame: Frame): Compute | undefined {
  if (node.operator !== "**" || frame.folds) return undefined;
  const base = foldedValue(node.left, frame);
  if (base === undefined || !isWritable(base) || !/^-\d/.test(numberText(base))) return undefined;
  const exponent = frame.expression(node.right);
  return (scope) => {
    const { run } = scope;
    return signed(run, "-", operate(run, "**", signed(run, "-", base), exponent(scope)));
  };
}

function numberText(value: Value): string {
  if (value instanceof Float) return floatText(value.value);
  return typeof value === "number" || typeof value === "bigint" ? String(value) : "";
}

function compileUnary(operator: "-" | "+" | "not", operand: Compute): Compute {
  if (operator === "not") return (scope) => !isTrue(scope.run, operand(scope));
  return (scope) => signed(scope.run, operator, operand(scope));
}
