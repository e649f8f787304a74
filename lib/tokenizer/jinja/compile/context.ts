// The variables that a template is given, those that it has assigned at its top, and its blocks.

import type { Run, Value } from "../values/value.js";
import type { TextBuffer } from "./textBuffer.js";

/** Writes a block into a buffer. */
export type BlockBody = (run: Run, buffer: TextBuffer, context: Context) => void;

export class Context {
  readonly given: ReadonlyMap<string, Value>;
  readonly assigned = new Map<string, Value | undefined>();
  readonly blocks: ReadonlyMap<string, BlockBody>;

  constructor(given: ReadonlyMap<string, Value>, blocks: ReadonlyMap<string, BlockBody>) {
    this.given = given;
    this.blocks = blocks;
  }

  resolve(name: string): Value | undefined {
    return this.assigned.has(name) ? this.assigned.get(name) : this.given.get(name);
  }

  /** A context that has some more variables. */
  derived(locals: Iterable<readonly [string, Value | undefined]>): Context {
    const given = new Map(this.given);
    for (const [name, value] of [...this.assigned, ...locals]) if (value !== undefined) given.set(name, value);
    return new Context(given, this.blocks);
  }
}
