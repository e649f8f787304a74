// The text of one answer as it grows: decoded token by token, cut at the first stop text.

import type { Tokenizer } from "../../tokenizer/types.js";
import { StopStrings } from "./stopStrings.js";

/** Decodes ids one after the other; texts put together are the text of all ids. */
export interface TextStream {
  /** The text that the next id makes certain; "" while a character is incomplete. */
  add(id: number): string;
  /** What is left at the end. */
  end(): string;
}

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
    return this.#grow(this.#stops.add(this.#stream.add(id)));
  }

  /** The answer is over: gives the rest of its text. The rest may hold a stop text too, which cuts it. */
  end(): string {
    if (this.#stops.stopped) return "";
    const rest = this.#stops.add(this.#stream.end());
    return this.#grow(rest + this.#stops.end());
  }

  #grow(text: string): string {
    this.#text += text;
    return text;
  }
}

/** The text of an answer that needs no watching: what `AnswerText` would have made of the same ids. */
export function wholeText(tokenizer: Tokenizer, ids: readonly number[]): string {
  return tokenizer.decode(ids, { skipSpecialTokens: true });
}
