// Finds stop texts in an answer that grows piece by piece, and says which part of it is certain to stay.

/**
 * Text goes in as it is decoded, and comes out when it can no longer be the beginning of a stop text. A stop text may lie
 * across any number of pieces; the earliest occurrence ends the answer, of two at the same place the one that ends first.
 */
export class StopStrings {
  readonly #stops: readonly string[];
  /** Text that may still be the beginning of a stop text. */
  #held = "";
  #stopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Whether a stop text was found; nothing more comes out then. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Adds text; gives what became certain. */
  add(text: string): string {
    if (this.#stopped) return "";
    const all = this.#held + text;
    const ends = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (ends.length > 0) {
      this.#stopped = true;
      this.#held = "";
      return all.slice(0, Math.min(...ends));
    }
    const certain = all.length - this.#beginningAtTheEnd(all);
    this.#held = all.slice(certain);
    return all.slice(0, certain);
  }

  /** The answer ended otherwise: what was held back belongs to it. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** Length of the longest end of `text` with which a stop text begins. */
  #beginningAtTheEnd(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
