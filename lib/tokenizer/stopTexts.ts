// Texts that end an answer: found as it grows, whatever the pieces in which it comes, and cut off with all that follows.

import { RetemperError } from "../errors.js";

export class StopTexts {
  readonly #stops: readonly string[];
  /** Text that may still be the beginning of a stop text. */
  #held = "";
  #stopped = false;

  /** @throws RetemperError USAGE for an empty stop text. */
  constructor(stops: readonly string[]) {
    if (stops.includes("")) throw new RetemperError("USAGE", "a stop text must not be empty");
    this.#stops = stops;
  }

  /** Whether a stop text is complete: nothing comes out any more. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /**
   * Adds text; gives what is certain to stay: none of it can be the beginning of a stop text.
   * @param rest What would follow if nothing more came. A stop text that it completes ends the answer too, since then
   *   nothing does.
   */
  add(text: string, rest: () => string = () => ""): string {
    if (this.#stopped) return "";
    this.#held += text;
    if (this.#stops.length === 0) return this.#give(this.#held.length);
    const all = this.#held + rest();
    const at = firstStop(all, this.#stops);
    if (at === undefined) return this.#give(this.#held.length - openEnd(this.#held, this.#stops));
    this.#stopped = true;
    return all.slice(0, at);
  }

  /** Gives what was held back, when the answer ends otherwise. */
  end(): string {
    return this.#stopped ? "" : this.#give(this.#held.length);
  }

  #give(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }
}

/** Where the stop text begins that is complete first, of those the longest; undefined if none is. */
export function firstStop(text: string, stops: readonly string[]): number | undefined {
  let begin: number | undefined;
  let end = Number.POSITIVE_INFINITY;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at < 0 || at + stop.length > end) continue;
    begin = at + stop.length < end ? at : Math.min(begin ?? at, at);
    end = at + stop.length;
  }
  return begin;
}

/** Length of the longest end of the text with which a stop text begins. */
function openEnd(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
