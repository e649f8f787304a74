// What a chat template may use up. Templates come with models, so they are untrusted programs: they run in an
// interpreter that counts, and end with an error where they would not end by themselves.

import { RetemperError } from "../../errors.js";

/** Steps of the interpreter, with text and lists it copies counted in; under two seconds. 2,000 turns of 2 kB take 500,000. */
export const MAX_STEPS = 3_000_000;
/** Characters in any text that a template makes, its output included. */
export const MAX_TEXT = 16_777_216;
/** Expressions inside expressions, and macros inside macros. */
export const MAX_DEPTH = 300;

/** Characters of text, or items of a list, that are copied for the price of one step. */
const UNITS_A_STEP = 64;

export class Budget {
  readonly #file: string;
  #steps = 0;
  #depth = 0;

  /** @param file Where the template stands, for errors. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Counts steps. */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw this.exceeded(`takes more than ${MAX_STEPS} steps`);
  }

  /** Counts the handing on of a text or list. */
  spendOn(units: number): void {
    this.spend(1 + units / UNITS_A_STEP);
  }

  /** Refuses a text, or a structure that as text would be, of too many characters. */
  allow(characters: number): void {
    if (characters > MAX_TEXT) throw this.exceeded(`makes a text of more than ${MAX_TEXT} characters`);
  }

  /** Counts a text that was made, and refuses it if it is too long. */
  text(made: string): string {
    this.allow(made.length);
    this.spendOn(made.length);
    return made;
  }

  /** Goes one level deeper; `leave` comes back. */
  enter(): void {
    if (this.#depth >= MAX_DEPTH) throw this.exceeded(`is nested deeper than ${MAX_DEPTH} levels`);
    this.#depth += 1;
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** Runs what may fail with an error that is caught, and comes back to the level where it began. */
  guarded<Result>(run: () => Result): Result {
    const depth = this.#depth;
    try {
      return run();
    } finally {
      this.#depth = depth;
    }
  }

  exceeded(what: string): RetemperError {
    return new RetemperError("BAD_INPUT", `the chat template ${what}`, {
      file: this.#file,
      hint: "it is broken or hostile: get it from a source that you trust, or give prompts as text",
    });
  }
}
