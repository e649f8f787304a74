// Loops: with conditions, `loop`, `else`, `break` and `continue`, and recursive ones.

import { type Block, descendantsOf, type For } from "../syntax/nodes.js";
import { assertionError } from "../syntax/syntaxError.js";
import { isTrue, iterate } from "../values/iterate.js";
import { Iteration, type Value } from "../values/value.js";
import { Code } from "./code.js";
import type { Compute, Execute, Signal, Store } from "./compilers.js";
import { compileStore } from "./compileStore.js";
import type { Frame } from "./frame.js";
import { LoopContext, type Recurse } from "./loopContext.js";
import { Scope } from "./scope.js";
import { undeclared } from "./symbols.js";

/** The parts of a loop, ready to run in a scope of its function. */
interface Loop {
  readonly enter: (scope: Scope) => void;
  readonly store: Store;
  readonly body: Execute;
  readonly leave: (scope: Scope) => void;
  /** The place of `loop`; undefined where the body does not use it. */
  readonly loop: number | undefined;
  readonly condition: Condition | undefined;
  readonly otherwise: Execute | undefined;
}

/** Leaves the items out for which a condition does not hold. */
type Condition = (scope: Scope, items: Value) => Value;

export function compileFor(node: For, frame: Frame): Execute {
  if (node.recursive) return compileRecursive(node, frame);
  const iterable = frame.expression(node.iterable);
  const run = runner(compileLoop(node, frame));
  return (scope) => run(scope, iterable(scope), 0, undefined);
}

function compileRecursive(node: For, frame: Frame): Execute {
  const code = new Code(frame.code);
  const run = runner(compileLoop(node, frame, code));
  const iterable = frame.expression(node.iterable);
  return (scope) => {
    const recurse: Recurse = (items, depth) => {
      const inner = new Scope(scope.run, scope.context, scope);
      run(inner, items, depth, recurse);
      return inner.buffer.text();
    };
    scope.buffer.add(recurse(iterable(scope), 0));
    return undefined;
  };
}

function compileLoop(node: For, frame: Frame, code?: Code): Loop {
  const inner = frame.inner({ inLoop: true, ...(code && { code }) });
  const below = [...descendantsOf(node)];
  frame.compilation.budget.spend(below.length * 2);
  const scopedBlock = below.some((one) => one.kind === "block" && (one as Block).scoped);
  const extended = node.recursive || scopedBlock || undeclared(node.body, "loop").has("loop");
  const loop = extended ? inner.symbols.declareParameter("loop").index : undefined;
  inner.symbols.seeFor(node, "body");
  const condition = node.test === undefined ? undefined : compileCondition(node, node.test, frame, code ?? frame.code);
  const assigned = below.find((one) => one.kind === "name" && one.use === "store" && one.name === "loop");
  if (assigned !== undefined)
    throw assertionError("Can't assign to special loop variable in for-loop target", assigned.line);
  return {
    enter: inner.enter(),
    store: compileStore(node.target, inner),
    body: inner.statements(node.body),
    leave: node.recursive && node.otherwise.length === 0 ? () => {} : inner.leave(),
    loop,
    condition,
    otherwise: node.otherwise.length === 0 ? undefined : compileElse(node, frame, code),
  };
}

function compileElse(node: For, frame: Frame, code: Code | undefined): Execute {
  const inner = frame.inner(code && { code });
  inner.symbols.seeFor(node, "otherwise");
  const enter = inner.enter();
  const body = inner.statements(node.otherwise);
  const leave = inner.leave();
  return (scope) => {
    enter(scope);
    const signal = body(scope);
    if (signal === undefined) leave(scope);
    return signal;
  };
}

/** A condition is a generator of its own: it is asked when the next item is taken. */
function compileCondition(node: For, test: NonNullable<For["test"]>, frame: Frame, parent: Code): Condition {
  const inner = frame.inner({ code: new Code(parent) });
  inner.symbols.seeFor(node, "test");
  const enter = inner.enter();
  const store = compileStore(node.target, inner);
  const holds = inner.expression(test);
  const load = inner.expression(asLoaded(node.target));
  return (outer, items) => {
    const source = iterate(outer.run, items);
    return new Iteration("generator", chosen(outer, source, { enter, store, holds, load }));
  };
}

interface Choice {
  readonly enter: (scope: Scope) => void;
  readonly store: Store;
  readonly holds: Compute;
  readonly load: Compute;
}

function* chosen(outer: Scope, source: Iterable<Value>, { enter, store, holds, load }: Choice): Generator<Value> {
  const scope = new Scope(outer.run, outer.context, outer);
  enter(scope);
  for (const item of source) {
    store(scope, item);
    if (isTrue(scope.run, holds(scope))) yield load(scope);
  }
}

/** A target as an expression that reads it. */
function asLoaded(target: For["target"]): For["target"] {
  if (target.kind === "name") return { ...target, use: "load" };
  return target.kind === "tuple" ? { ...target, items: target.items.map(asLoaded) } : target;
}

type RunLoop = (scope: Scope, items: Value, depth: number, recurse: Recurse | undefined) => Signal;

function runner({ enter, store, body, leave, loop, condition, otherwise }: Loop): RunLoop {
  return (scope, items, depth, recurse) => {
    const chosenItems = condition === undefined ? items : condition(scope, items);
    if (loop !== undefined) scope.values[loop] = undefined;
    const context = loop === undefined ? undefined : new LoopContext(scope.run, chosenItems, depth, recurse);
    let completed = false;
    for (const item of context === undefined ? iterate(scope.run, chosenItems) : rounds(context)) {
      scope.run.budget.spend(1);
      store(scope, item);
      if (loop !== undefined) scope.values[loop] = context;
      enter(scope);
      const signal = body(scope);
      // As in jinja2, only a round that came to its end keeps `else` from running.
      if (signal === undefined) completed = true;
      if (signal === "break") break;
    }
    leave(scope);
    return completed || otherwise === undefined ? undefined : otherwise(scope);
  };
}

function* rounds(context: LoopContext): Generator<Value> {
  for (let item = context.advance(); item !== undefined; item = context.advance()) yield item;
}
