// Collects what is wrong before a run, so that one error tells of all.

import { RetemperError } from "../errors.js";
import { wrong } from "./load.js";

export class Problems {
  readonly texts: string[] = [];
  readonly #codes = new Set<RetemperError["code"]>();

  async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetemperError) || error.code === "CANCELLED") throw error;
      const text = `${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`;
      this.add(text, error.code);
      return undefined;
    }
  }

  add(text: string, code: RetemperError["code"] = "BAD_INPUT"): void {
    if (!this.texts.includes(text)) this.texts.push(text);
    this.#codes.add(code);
  }

  throwIfAny(): void {
    const [first] = this.texts;
    const [code] = this.#codes;
    if (first === undefined || code === undefined) return;
    throw this.texts.length === 1 ? new RetemperError(code, first) : wrong(this.texts);
  }
}
