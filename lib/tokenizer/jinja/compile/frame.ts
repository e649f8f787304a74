// Where a compiler is in a template: the names that are known, and what surrounds the place.

import type { Block, Expression, Statement } from "../syntax/nodes.js";
import type { PythonError } from "../values/pythonError.js";
import type { Run } from "../values/value.js";
import type { Code, Slot } from "./code.js";
import type { Compilers, Compute, Execute } from "./compilers.js";
import type { Scope } from "./scope.js";
import { Symbols } from "./symbols.js";

/** What all parts of one compilation share; it can also compute ahead. */
export interface Compilation extends Run {
  readonly compilers: Compilers<Frame>;
  readonly blocks: Map<string, Block>;
  /** What Python itself would refuse, once jinja2 has accepted it. */
  readonly pythonErrors: PythonError[];
}

export class Frame {
  readonly compilation: Compilation;
  readonly symbols: Symbols;
  /** Whether what is assigned here is seen by blocks. */
  readonly atTop: boolean;
  /** Whether this is a condition's branch, where unknown filters are errors only once they are used. */
  readonly soft: boolean;
  /** Whether `break` and `continue` have a loop here. */
  readonly inLoop: boolean;
  /** Whether this computes ahead what needs nothing but itself. */
  readonly folds: boolean;

  constructor(
    compilation: Compilation,
    symbols: Symbols,
    flags: { atTop?: boolean; soft?: boolean; inLoop?: boolean; folds?: boolean } = {},
  ) {
    this.compilation = compilation;
    this.symbols = symbols;
    this.atTop = flags.atTop ?? false;
    this.soft = flags.soft ?? false;
    this.inLoop = flags.inLoop ?? false;
    this.folds = flags.folds ?? false;
  }

  get code(): Code {
    return this.symbols.code;
  }

  /** @throws PythonError TemplateAssertionError for filters and tests that do not exist. */
  expression(node: Expression): Compute {
    return this.compilation.compilers.expression(node, this);
  }

  statements(nodes: readonly Statement[]): Execute {
    return this.compilation.compilers.statements(nodes, this);
  }

  /** A scope below this one. @param code The function that it belongs to, if not this one. */
  inner(flags: { inLoop?: boolean; code?: Code } = {}): Frame {
    const { code = this.code, inLoop = code === this.code && this.inLoop } = flags;
    return new Frame(this.compilation, new Symbols(code, this.symbols), { inLoop });
  }

  /** The same scope, in a branch of a condition. */
  branch(): Frame {
    const { atTop, inLoop, folds } = this;
    return new Frame(this.compilation, this.symbols, { atTop, soft: true, inLoop, folds });
  }

  /** The same place, for computing ahead. */
  folding(): Frame {
    const { atTop, soft, inLoop } = this;
    return new Frame(this.compilation, this.symbols, { atTop, soft, inLoop, folds: true });
  }

  /** Sets the variables of a scope to what they are at its start. */
  enter(): (scope: Scope) => void {
    const steps: ((scope: Scope) => void)[] = [];
    const nothing: number[] = [];
    for (const [{ index }, load] of this.symbols.loads) {
      if (load.from === "context") {
        const { name } = load;
        steps.push((scope) => {
          scope.values[index] = scope.context.resolve(name);
        });
      } else if (load.from === "outer") {
        const find = this.code.finder(load.slot);
        const from = load.slot.index;
        steps.push((scope) => {
          scope.values[index] = find(scope).values[from];
        });
      } else if (load.from === "nothing") {
        nothing.push(index);
      }
    }
    if (nothing.length > 0) steps.push((scope) => clear(scope, nothing));
    return (scope) => {
      for (const step of steps) step(scope);
    };
  }

  /** Forgets the variables of a scope. */
  leave(): (scope: Scope) => void {
    const indices = [...this.symbols.loads.keys()].map(({ index }: Slot) => index);
    return (scope) => clear(scope, indices);
  }
}

function clear(scope: Scope, indices: readonly number[]): void {
  for (const index of indices) scope.values[index] = undefined;
}
