// jinja2 computes what it can when it reads a template. That shows in three places, which this follows: a slice of what has
// no slices is undefined there and an error elsewhere, filters that do not exist are not missed where `and` or `or` never
// comes to them, and an infinite number within a larger expression is a name that Python does not know.

import type { Expression } from "../syntax/nodes.js";
import { childrenOf } from "../syntax/nodes.js";
import { isKind, PythonError } from "../values/pythonError.js";
import { Undefined } from "../values/undefined.js";
import { Dict, DictView, Float, Iteration, List, TemplateObject, Tuple, type Value } from "../values/value.js";
import { Context } from "./context.js";
import type { Frame } from "./frame.js";
import { Scope } from "./scope.js";

/** Thrown for what is known only once the template runs. */
export class NotConstant extends Error {}

const foldable = new WeakMap<object, boolean>();

/** Whether it may be possible to compute an expression ahead; a quick check. */
function mayFold(node: Expression): boolean {
  const seen = foldable.get(node);
  if (seen !== undefined) return seen;
  let result: boolean;
  if (node.kind === "name" || node.kind === "call" || node.kind === "namespaceRef") result = false;
  else if (node.kind === "conditional") result = mayFold(node.test);
  else if (node.kind === "binary" && (node.operator === "and" || node.operator === "or")) result = mayFold(node.left);
  else result = [...childrenOf(node)].every((child) => mayFold(child as Expression));
  foldable.set(node, result);
  return result;
}

/** The value of an expression that needs nothing but itself; undefined for all others. */
export function foldedValue(node: Expression, frame: Frame): Value | undefined {
  if (frame.folds || !mayFold(node)) return undefined;
  const { compilation } = frame;
  return compilation.budget.guarded(() => {
    try {
      const scope = new Scope(compilation, new Context(new Map(), new Map()));
      return frame.folding().expression(node)(scope);
    } catch (error) {
      const known = error instanceof NotConstant || error instanceof PythonError;
      if (known && !isKind(error, "NotImplementedError")) return undefined;
      throw error;
    }
  });
}

/** Whether jinja2 can write a value as a constant of its program. */
export function isWritable(value: Value): boolean {
  if (value instanceof Undefined || value instanceof Iteration || value instanceof DictView) return false;
  if (value instanceof TemplateObject || (value instanceof Tuple && value.names.length > 0)) return false;
  return heldBy(value).every(isWritable);
}

/** The name of a number in a value that Python cannot read back; undefined if there is none. */
export function unreadable(value: Value): string | undefined {
  if (value instanceof Float) {
    if (Number.isFinite(value.value)) return undefined;
    return Number.isNaN(value.value) ? "nan" : "inf";
  }
  for (const held of heldBy(value)) {
    const name = unreadable(held);
    if (name !== undefined) return name;
  }
  return undefined;
}

function heldBy(value: Value): readonly Value[] {
  if (value instanceof List || value instanceof Tuple) return value.items;
  return value instanceof Dict ? [...value.entries()].flat() : [];
}
