// Macros, call blocks, and the marks of `generation`, whose body is a macro too.

import { type CallBlock, descendantsOf, type Generation, type Macro as MacroNode } from "../syntax/nodes.js";
import { assertionError } from "../syntax/syntaxError.js";
import { PythonError } from "../values/pythonError.js";
import { quoted } from "../values/textValue.js";
import { Undefined } from "../values/undefined.js";
import { NO_KEYWORDS } from "../values/value.js";
import { Code } from "./code.js";
import { compileCall } from "./compileCall.js";
import type { Compute, Execute } from "./compilers.js";
import type { Frame } from "./frame.js";
import { Macro, type Signature } from "./macro.js";
import { Scope } from "./scope.js";
import { undeclared } from "./symbols.js";

/** Makes a macro of the scope in which it is defined. */
type Define = (scope: Scope) => Macro;

export function compileMacro(node: MacroNode, frame: Frame): Execute {
  const define = compileBody(node, frame);
  const { index } = frame.symbols.ref(node.name);
  return (scope) => {
    const macro = define(scope);
    scope.values[index] = macro;
    if (frame.atTop) scope.context.assigned.set(node.name, macro);
    return undefined;
  };
}

export function compileCallBlock(node: CallBlock | Generation, frame: Frame): Execute {
  const define = compileBody(node, frame);
  if (node.kind === "generation") {
    return (scope) => {
      scope.buffer.add(define(scope).call(scope.run, [], NO_KEYWORDS));
      return undefined;
    };
  }
  const call = compileCall(node.call, frame);
  return (scope) => {
    scope.buffer.add(call(scope, define(scope)));
    return undefined;
  };
}

function compileBody(node: MacroNode | CallBlock | Generation, frame: Frame): Define {
  const code = new Code(frame.code);
  const inner = frame.inner({ code });
  const { symbols } = inner;
  const params = node.kind === "generation" ? [] : node.params;
  const defaults = node.kind === "generation" ? [] : node.defaults;
  symbols.seeMacro(node);
  const names = params.map(({ name }) => name);
  refuseRepeated(names, frame);
  frame.compilation.budget.spend([...descendantsOf(node)].length * 2);
  const used = undeclared(node.body, "caller", "kwargs", "varargs");
  const places = names.map((name) => symbols.ref(name).index);
  const withoutDefault = names.length - defaults.length;
  if (used.has("caller")) {
    if (!names.includes("caller")) places.push(symbols.declareParameter("caller").index);
    else if (names.indexOf("caller") < withoutDefault) {
      throw assertionError('the special "caller" argument must be omitted or be given a default.', node.line);
    }
  }
  const takesKeywords = used.has("kwargs") && !names.includes("kwargs");
  const takesMore = used.has("varargs") && !names.includes("varargs");
  if (takesKeywords) places.push(symbols.declareParameter("kwargs").index);
  if (takesMore) places.push(symbols.declareParameter("varargs").index);
  symbols.seeMacro(node);
  const signature: Signature = {
    name: node.kind === "macro" ? node.name : undefined,
    parameters: names,
    takesCaller: used.has("caller"),
    takesKeywords,
    takesMore,
  };
  const fill = names.map((name, index): Compute => {
    const value = defaults[index - withoutDefault];
    if (value !== undefined && index >= withoutDefault) return inner.expression(value);
    return () => new Undefined({ hint: `parameter ${quoted(name)} was not provided` });
  });
  const enter = inner.enter();
  const body = inner.statements(node.body);
  return (outer) =>
    new Macro(signature, (args) => {
      const scope = new Scope(outer.run, outer.context, outer);
      for (const [index, place] of places.entries()) scope.values[place] = args[index];
      enter(scope);
      for (const [index, compute] of fill.entries()) {
        const place = places[index] as number;
        if (scope.values[place] === undefined) scope.values[place] = compute(scope);
      }
      body(scope);
      return scope.buffer.text();
    });
}

function refuseRepeated(names: readonly string[], frame: Frame): void {
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated === undefined) return;
  const message = `duplicate argument '${repeated}' in function definition`;
  frame.compilation.pythonErrors.push(new PythonError("SyntaxError", message));
}
