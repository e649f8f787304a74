// How much memory a pickle may take while it is read: a few bytes of it make an object of many, and a file of weights says
// what it holds in a few hundred bytes a tensor.

import { RetemperError } from "../../../errors.js";

/** Of all that is made, kept or not: about 200,000 tensors. */
const MOST = 256 * 2 ** 20;

/** Longest pickle that is read. 100 MB is also what a safetensors header may have. */
export const LONGEST_PICKLE = 100_000_000;

export class PickleMemory {
  readonly #file: string;
  #left = MOST;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * @param bytes about what is made next
   * @throws RetemperError BAD_INPUT
   */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left >= 0) return;
    throw new RetemperError("BAD_INPUT", "the pickle makes more objects than a file of weights has", {
      file: this.#file,
      hint: "Nothing of it was run. Load the checkpoint where you trust it, and save its weights alone, as safetensors.",
    });
  }
}
