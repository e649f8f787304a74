// "Measure this prompt": a file of JSON lines, as suites read it, gets one more. The file changes as a whole or not at all.

import { RetemperError } from "../errors.js";
import { readIfThere } from "../files/readIfThere.js";
import { writeWhole } from "../files/writeWhole.js";
import { lockBeside } from "../output/lockBeside.js";
import type { Measured } from "./types.js";

/** A text cannot be much longer. */
const MOST_BYTES = 2 ** 29 - 25;

export class PromptSet {
  readonly #file: string;
  /** One after the other: two tabs may add at once. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Adds a prompt that is not there yet.
   * @throws RetemperError BAD_INPUT for a file that has other lines; OUTPUT_EXISTS while another server adds to it; IO, NO_SPACE
   */
  add(prompt: string): Promise<Measured> {
    const added = this.#last.then(() => this.#add(prompt));
    this.#last = added.catch(() => {});
    return added;
  }

  async #add(prompt: string): Promise<Measured> {
    const lock = await lockBeside(this.#file);
    try {
      const text = (await readIfThere(this.#file, { most: MOST_BYTES, what: "a set of prompts" })) ?? "";
      const known = this.#promptsIn(text);
      if (known.includes(prompt)) return { added: false, count: known.length };
      const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
      await writeWhole(this.#file, `${before}${JSON.stringify({ prompt })}\n`);
      return { added: true, count: known.length + 1 };
    } finally {
      await lock.release();
    }
  }

  #promptsIn(text: string): unknown[] {
    return text.split("\n").flatMap((line, at) => {
      if (line.trim() === "") return [];
      try {
        const row: unknown = JSON.parse(line);
        if (typeof row === "object" && row !== null) return [(row as { prompt?: unknown }).prompt];
      } catch {
        // told below, with the line
      }
      throw new RetemperError("BAD_INPUT", "this line is no JSON object, so nothing is added to the file", {
        file: this.#file,
        line: at + 1,
        hint: 'a set has one object a line, such as {"prompt": "…"}',
      });
    });
  }
}
