// A running function of a template: its variables, and the text that it writes.

import type { Run, Value } from "../values/value.js";
import type { Context } from "./context.js";
import { TextBuffer } from "./textBuffer.js";

export class Scope {
  readonly run: Run;
  readonly context: Context;
  readonly parent: Scope | undefined;
  /** By place; undefined for what is not assigned. */
  readonly values: (Value | undefined)[] = [];
  buffer: TextBuffer;

  constructor(run: Run, context: Context, parent?: Scope, buffer = new TextBuffer(run)) {
    this.run = run;
    this.context = context;
    this.parent = parent;
    this.buffer = buffer;
  }
}
