// What a template or a part of it has written.

import { typeError } from "../values/pythonError.js";
import { typeName } from "../values/typeName.js";
import { isText, type Run, textOf, type Value } from "../values/value.js";

export class TextBuffer {
  readonly #run: Run;
  #text = "";
  #items = 0;
  /** The error of the first item that is no text. */
  #failure: Error | undefined;

  constructor(run: Run) {
    this.#run = run;
  }

  write(text: string): void {
    this.#items += 1;
    this.#text += text;
    this.#run.budget.allow(this.#text.length);
  }

  /** Takes what a call or a filter gave, which need not be a text. */
  add(value: Value): void {
    if (!isText(value)) {
      this.#failure ??= typeError(`sequence item ${this.#items}: expected str instance, ${typeName(value)} found`);
    }
    this.write(isText(value) ? textOf(value) : "");
  }

  /** @throws PythonError TypeError if not all of it was text. */
  text(): string {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#run.budget.text(this.#text);
  }
}
