// How large a structure would be as text, without writing it: lists that hold one list many times over grow
// exponentially with their depth while they take next to no memory.

import type { Budget } from "./budget.js";
import { isNamespace, partsOf, type Value } from "./jinja.js";

export interface Extent {
  /** An upper bound of its characters as JSON, apart from escapes. */
  readonly characters: number;
  readonly depth: number;
}

/** Deeper structures are refused: the interpreter writes them by recursion. */
const MAX_STRUCTURE_DEPTH = 200;
/** Quotes, separators and numbers. */
const OVERHEAD = 24;

export class Measure {
  readonly #budget: Budget;
  readonly #known = new WeakMap<object, Extent>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Measures a value and refuses it if it is too large. */
  of(value: Value): Extent {
    const extent = this.#extent(value, 0).extent;
    this.#budget.allow(extent.characters);
    return extent;
  }

  /** What never changes is measured once; what holds a namespace is measured every time. */
  #extent(value: unknown, level: number): { extent: Extent; changes: boolean } {
    if (typeof value === "string") return { extent: { characters: value.length, depth: 0 }, changes: false };
    const known = this.#known.get(value as object);
    if (known !== undefined) return { extent: known, changes: false };
    const inner = (value as Value).value as unknown;
    if (typeof inner === "string") {
      return { extent: { characters: inner.length + OVERHEAD, depth: 0 }, changes: false };
    }
    const parts = partsOf(value as Value);
    if (parts === undefined) return { extent: { characters: OVERHEAD, depth: 0 }, changes: false };
    if (level >= MAX_STRUCTURE_DEPTH) throw this.#budget.exceeded("makes lists too deep");
    let characters = OVERHEAD;
    let depth = 0;
    let changes = isNamespace(value as Value);
    for (const part of parts) {
      this.#budget.spend(1);
      const found = this.#extent(part, level + 1);
      characters += found.extent.characters;
      depth = Math.max(depth, found.extent.depth);
      changes ||= found.changes;
      this.#budget.allow(characters);
    }
    const extent = { characters, depth: depth + 1 };
    if (extent.depth > MAX_STRUCTURE_DEPTH) throw this.#budget.exceeded("makes lists too deep");
    if (!changes) this.#known.set(value as object, extent);
    return { extent, changes };
  }
}
