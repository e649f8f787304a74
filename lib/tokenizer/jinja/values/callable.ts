// Functions and methods that are written here.

import type { Keywords, Native, Run, Value } from "./value.js";
import { type ObjectWriter, TemplateObject } from "./value.js";

export class Callable extends TemplateObject {
  readonly typeName: string;
  override readonly moduleName = "builtins";
  readonly #name: string;
  readonly #native: Native;

  /** @param typeName Python's name for the kind of function. */
  constructor(name: string, native: Native, typeName = "builtin_function_or_method") {
    super();
    this.typeName = typeName;
    this.#name = name;
    this.#native = native;
  }

  override attribute(name: string): Value | undefined {
    return name === "__name__" || name === "__call__" ? this.#name : undefined;
  }

  write(writer: ObjectWriter): void {
    writer.add(`<${this.typeName === "function" ? "function" : "built-in method"} ${this.#name}>`);
  }

  override get callable(): boolean {
    return true;
  }

  override call(run: Run, args: readonly Value[], keywords: Keywords): Value {
    return this.#native(run, args, keywords);
  }
}
