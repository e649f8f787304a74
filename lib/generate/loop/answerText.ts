// The text of one answer as it grows: decoded token by token, cut at the first stop text.

import type { TextStream } from "../../tokenizer/types.js";
import { StopStrings } from "./stopStrings.js";

export class AnswerText {
  readonly #stream: TextStream;
  readonly #stops: StopStrings;
  #text = "";

  constructor(stream: TextStream, stops: readonly string[]) {
    this.#stream = stream;
    this.#stops = new StopStrings(stops);
  }

  /** All that is certain so far. */
  get text(): string {
    return this.#text;
  }

  /** Whether a stop text has ended the answer. */
  get stopped(): boolean {
    return this.#stops.stopped;
  }

  /** Adds a token; gives the text that it made certain. */
  add(id: number): string {
    return this.#grow(this.#stops.add(this.#stream.push(id)));
  }

  /** The answer is over: gives the rest of its text. The rest may hold a stop text too, which cuts it. */
  end(): string {
    if (this.#stops.stopped) return "";
    const rest = this.#stops.add(this.#stream.rest());
    return this.#grow(rest + this.#stops.end());
  }

  #grow(text: string): string {
    this.#text += text;
    return text;
  }
}
