// How fast something goes, of which the latest counts most: for the time that is left.

/** Seconds that are to be measured before a speed is told: the first moments say little. */
const FIRST = 3;
/** Seconds after which what was measured counts a third of what it did. */
const MEMORY = 120;

/** Amounts by the seconds that they took. It reads no clock: whoever measures says how long it was. */
export class Speed {
  readonly #memory: number;
  readonly #first: number;
  #amount = 0;
  #seconds = 0;
  #measured = 0;

  /** @param memory in seconds: what lies so far back counts a third. @param first seconds before it says anything */
  constructor({ memory = MEMORY, first = FIRST }: { readonly memory?: number; readonly first?: number } = {}) {
    this.#memory = memory;
    this.#first = first;
  }

  /** @param seconds 0 for what others did in the time that is measured here */
  add(amount: number, seconds: number): void {
    const kept = Math.exp(-seconds / this.#memory);
    this.#amount = this.#amount * kept + amount;
    this.#seconds = this.#seconds * kept + seconds;
    this.#measured += seconds;
  }

  /** Undefined until something was done and measured long enough. */
  get perSecond(): number | undefined {
    if (this.#measured < this.#first || this.#amount <= 0 || this.#seconds <= 0) return undefined;
    return this.#amount / this.#seconds;
  }
}
