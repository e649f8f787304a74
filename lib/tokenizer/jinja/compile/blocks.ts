// The `self` of templates: its attributes are the template's blocks, which can be written again.

import { withSignature } from "../values/bindArguments.js";
import { Undefined } from "../values/undefined.js";
import {
  isText,
  type Keywords,
  type ObjectWriter,
  type Run,
  TemplateObject,
  textOf,
  type Value,
} from "../values/value.js";
import type { BlockBody, Context } from "./context.js";
import { TextBuffer } from "./textBuffer.js";

export class TemplateReference extends TemplateObject {
  readonly typeName = "TemplateReference";
  readonly #context: Context;

  constructor(context: Context) {
    super();
    this.#context = context;
  }

  override entry(key: Value): Value | undefined {
    const body = isText(key) ? this.#context.blocks.get(textOf(key)) : undefined;
    return body && new BlockReference(textOf(key as string), body, this.#context);
  }

  write(writer: ObjectWriter): void {
    writer.add("<TemplateReference None>");
  }
}

export class BlockReference extends TemplateObject {
  readonly typeName = "BlockReference";
  readonly #name: string;
  readonly #body: BlockBody;
  readonly #context: Context;

  constructor(name: string, body: BlockBody, context: Context) {
    super();
    this.#name = name;
    this.#body = body;
    this.#context = context;
  }

  override attribute(name: string): Value | undefined {
    if (name === "name") return this.#name;
    return name === "super" ? new Undefined({ hint: `there is no parent block called '${this.#name}'.` }) : undefined;
  }

  override get callable(): boolean {
    return true;
  }

  override call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    return this.#render(run, args, keywords);
  }

  readonly #render = withSignature("__call__", "", (run) => {
    const buffer = new TextBuffer(run);
    run.budget.enter();
    this.#body(run, buffer, this.#context);
    run.budget.leave();
    return buffer.text();
  });

  write(writer: ObjectWriter): void {
    writer.add("<BlockReference object>");
  }
}
