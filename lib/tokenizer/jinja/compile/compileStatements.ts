// Statements as functions that carry them out.

import type { Assign, AssignBlock, Block, FilterBlock, If, Output, Statement, With } from "../syntax/nodes.js";
import { descendantsOf } from "../syntax/nodes.js";
import { assertionError } from "../syntax/syntaxError.js";
import { isTrue } from "../values/iterate.js";
import { PythonError, typeError } from "../values/pythonError.js";
import type { Value } from "../values/value.js";
import { compileFilter, compilePrinted } from "./compileExpression.js";
import { compileFor } from "./compileFor.js";
import { compileCallBlock, compileMacro } from "./compileMacro.js";
import type { Execute, Signal } from "./compilers.js";
import { compileStore } from "./compileStore.js";
import type { Frame } from "./frame.js";
import { Namespace } from "./namespace.js";
import type { Scope } from "./scope.js";
import { TextBuffer } from "./textBuffer.js";

export function compileStatements(nodes: readonly Statement[], frame: Frame): Execute {
  const { budget } = frame.compilation;
  budget.enter();
  const steps = nodes.map((node) => compileStatement(node, frame));
  budget.leave();
  return (scope) => {
    for (const step of steps) {
      scope.run.budget.spend(1);
      const signal = step(scope);
      if (signal !== undefined) return signal;
    }
    return undefined;
  };
}

function compileStatement(node: Statement, frame: Frame): Execute {
  switch (node.kind) {
    case "output":
      return compileOutput(node, frame);
    case "for":
      return compileFor(node, frame);
    case "if":
      return compileIf(node, frame.branch());
    case "macro":
      return compileMacro(node, frame);
    case "callBlock":
    case "generation":
      return compileCallBlock(node, frame);
    case "filterBlock":
      return compileFilterBlock(node, frame);
    case "with":
      return compileWith(node, frame);
    case "block":
      return compileBlock(node, frame);
    case "assign":
      return compileAssign(node, frame);
    case "assignBlock":
      return compileAssignBlock(node, frame);
    case "other": {
      if (node.tag === "extends" && !frame.atTop) {
        throw assertionError("cannot use extend from a non top-level scope", node.line);
      }
      const template = frame.expression(node.template);
      return (scope) => {
        template(scope);
        throw typeError("no loader for this environment specified");
      };
    }
    default: {
      const { kind } = node;
      const what = kind === "break" ? "'break' outside loop" : "'continue' not properly in loop";
      if (!frame.inLoop) frame.compilation.pythonErrors.push(new PythonError("SyntaxError", what));
      return () => kind;
    }
  }
}

function compileOutput(node: Output, frame: Frame): Execute {
  const pieces = node.nodes.map((piece): ((scope: Scope) => string) => {
    if (piece.kind === "data") return () => piece.text;
    return compilePrinted(piece, frame);
  });
  return (scope) => {
    for (const piece of pieces) scope.buffer.write(piece(scope));
    return undefined;
  };
}

function compileIf(node: If, frame: Frame): Execute {
  const branches = [node, ...node.alternatives].map(({ test, body }) => ({
    test: frame.expression(test),
    body: frame.statements(body),
  }));
  const otherwise = frame.statements(node.otherwise);
  return (scope) => {
    for (const { test, body } of branches) if (isTrue(scope.run, test(scope))) return body(scope);
    return otherwise(scope);
  };
}

/** Carries a body out, and gives what it wrote; undefined where it jumped away. */
function captured(scope: Scope, body: Execute): { buffer: TextBuffer; signal: Signal } {
  const outer = scope.buffer;
  const buffer = new TextBuffer(scope.run);
  scope.buffer = buffer;
  const signal = body(scope);
  scope.buffer = outer;
  return { buffer, signal };
}

function compileFilterBlock(node: FilterBlock, frame: Frame): Execute {
  const inner = frame.inner();
  inner.symbols.see(...node.body, node.filter);
  const enter = inner.enter();
  const body = inner.statements(node.body);
  const leave = inner.leave();
  const filter = compileBlockFilter(node.filter, inner);
  return (scope) => {
    enter(scope);
    const { buffer, signal } = captured(scope, body);
    if (signal !== undefined) return signal;
    scope.buffer.add(filter(scope, buffer));
    leave(scope);
    return undefined;
  };
}

/** The filters of a block, over what it wrote. */
function compileBlockFilter(node: FilterBlock["filter"], frame: Frame): (scope: Scope, buffer: TextBuffer) => Value {
  let text: Value = "";
  const chain = (one: FilterBlock["filter"]): ReturnType<typeof compileFilter> => {
    const below = one.node;
    return compileFilter(one, below?.kind === "filter" ? chain(below) : () => text, frame);
  };
  const compute = chain(node);
  return (scope, buffer) => {
    const before = text;
    text = buffer.text();
    const value = compute(scope);
    text = before;
    return value;
  };
}

function compileWith(node: With, frame: Frame): Execute {
  const inner = frame.inner();
  inner.symbols.seeWith(node);
  const enter = inner.enter();
  const values = node.values.map((value) => frame.expression(value));
  const targets = node.targets.map((target) => compileStore(target, inner));
  const body = inner.statements(node.body);
  const leave = inner.leave();
  return (scope) => {
    enter(scope);
    for (const [index, store] of targets.entries()) store(scope, (values[index] as (scope: Scope) => Value)(scope));
    const signal = body(scope);
    if (signal === undefined) leave(scope);
    return signal;
  };
}

function compileBlock(node: Block, frame: Frame): Execute {
  const { name, scoped, required } = node;
  const locals = scoped ? frame.symbols.visible() : [];
  return (scope) => {
    if (required) throw new PythonError("TemplateRuntimeError", `Required block '${name}' not found`);
    const context = scoped
      ? scope.context.derived(
          locals.map(([local, slot]) => [local, frame.code.finder(slot)(scope).values[slot.index]] as const),
        )
      : scope.context;
    scope.run.budget.enter();
    context.blocks.get(name)?.(scope.run, scope.buffer, context);
    scope.run.budget.leave();
    return undefined;
  };
}

/** @throws PythonError where a namespace's place is assigned to and there is none. */
function compileAssign(node: Assign, frame: Frame): Execute {
  const checks = [...descendantsOf(node.target)].flatMap((one) => {
    if (one.kind !== "namespaceRef") return [];
    const slot = frame.symbols.ref(one.name);
    const find = frame.code.finder(slot);
    return [(scope: Scope): boolean => find(scope).values[slot.index] instanceof Namespace];
  });
  const value = frame.expression(node.value);
  const store = compileStore(node.target, frame);
  return (scope) => {
    if (!checks.every((check) => check(scope))) {
      throw new PythonError("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
    }
    store(scope, value(scope));
    return undefined;
  };
}

function compileAssignBlock(node: AssignBlock, frame: Frame): Execute {
  const inner = frame.inner();
  inner.symbols.see(...node.body);
  const enter = inner.enter();
  const body = inner.statements(node.body);
  const leave = inner.leave();
  const filter = node.filter === undefined ? undefined : compileBlockFilter(node.filter, inner);
  const store = compileStore(node.target, frame);
  return (scope) => {
    enter(scope);
    const { buffer, signal } = captured(scope, body);
    if (signal !== undefined) return signal;
    store(scope, filter === undefined ? buffer.text() : filter(scope, buffer));
    leave(scope);
    return undefined;
  };
}
