// The text of a generation as it comes: whole characters only, held back while it could be the beginning of a stop text,
// and cut where one is complete.

import { RetemperError } from "../errors.js";
import type { TextStream, Tokenizer } from "./types.js";

export interface StreamDecoderOptions {
  /** Left out unless told otherwise. */
  readonly skipSpecialTokens?: boolean | undefined;
  /** Texts that end the generation; none of them empty. */
  readonly stop?: readonly string[] | undefined;
}

/** One generation's text. After its end, or a stop, all pieces together are `text`. */
export class StreamDecoder {
  readonly #stream: TextStream;
  readonly #stop: readonly string[];
  /** Certain text that is not given away yet. */
  #held = "";
  #given = "";
  #stopped = false;

  /** @throws RetemperError USAGE for an empty stop text. */
  constructor(
    tokenizer: Pick<Tokenizer, "decodeStream">,
    { skipSpecialTokens = true, stop = [] }: StreamDecoderOptions = {},
  ) {
    if (stop.includes("")) throw new RetemperError("USAGE", "a stop text must not be empty");
    this.#stream = tokenizer.decodeStream({ skipSpecialTokens });
    this.#stop = stop;
  }

  /** Whether a stop text is complete: then there is nothing more to push. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** All text given so far. */
  get text(): string {
    return this.#given;
  }

  /** Takes the next id; returns the text that it makes certain, "" while a character or a stop text may be incomplete. */
  push(id: number): string {
    if (this.#stopped) return "";
    this.#held += this.#stream.push(id);
    if (this.#stop.length === 0) return this.#give(this.#held.length);
    // What the last ids would be if no more came: a stop in it ends the generation, so that none do come.
    const text = this.#held + this.#stream.rest();
    const at = firstStop(text, this.#stop);
    if (at !== undefined) {
      this.#stopped = true;
      this.#held = text;
      return this.#give(at);
    }
    return this.#give(this.#held.length - openEnd(this.#held, this.#stop));
  }

  /** Ends the generation; returns the text that was held back. */
  end(): string {
    if (this.#stopped) return "";
    this.#stopped = true;
    this.#held += this.#stream.rest();
    return this.#give(this.#held.length);
  }

  #give(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    this.#given += text;
    return text;
  }
}

/** Where the stop text begins that is complete first, of those the longest; undefined if none is. */
export function firstStop(text: string, stop: readonly string[]): number | undefined {
  let begin: number | undefined;
  let end = Number.POSITIVE_INFINITY;
  for (const each of stop) {
    const at = text.indexOf(each);
    if (at < 0 || at + each.length > end) continue;
    begin = at + each.length < end ? at : Math.min(begin ?? at, at);
    end = at + each.length;
  }
  return begin;
}

/** Length of the longest end of the text with which a stop text begins. */
function openEnd(text: string, stop: readonly string[]): number {
  let longest = 0;
  for (const each of stop) {
    for (let length = Math.min(each.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(each.slice(0, length))) longest = length;
    }
  }
  return longest;
}
