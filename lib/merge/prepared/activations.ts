// What enters the linear layers of a model that reads rows of text. A network computes it, and merging knows no networks: who has
// them gives them to it (lib/activations), and a package without them merges everything else.

import type { NativeStoredMatrix } from "../../addon/surface.js";
import { RetemperError } from "../../errors.js";
import type { ModelReference } from "../../recipe/types.js";
import type { PrepareOptions } from "./types.js";

/** What some linear layers take, a row for each token: float32 [tokens, inputs], in a file. */
export interface LinearInputs {
  /** The layers' weights, as the model's checkpoint names them. */
  readonly weights: readonly string[];
  readonly values: NativeStoredMatrix;
}

/** A model that has read the rows as token ids, before it computes. */
export interface RowsInModel {
  /** Rows that are used, and their tokens. */
  readonly rows: number;
  readonly tokens: number;
  readonly layers: number;
  /** Names of the weights of all linear layers, in the order in which `inputs` comes to them. */
  readonly weights: readonly string[];
  readonly warnings: readonly string[];
  /**
   * Layer by layer, of those weights that are wanted; the same values for any number of threads. What the generator gave is gone
   * when the next layer is asked for.
   */
  inputs(wanted: (weight: string) => boolean): AsyncGenerator<readonly LinearInputs[], void, void>;
  close(): void;
}

export interface ActivationRequest {
  readonly model: ModelReference;
  /** A file of rows as `tune` reads them. */
  readonly rows: string;
  /** An empty one, for what the model makes on its way. */
  readonly folder: string;
}

/** What a model would read, without anything computed. */
export interface RowsCounted extends Pick<RowsInModel, "rows" | "tokens"> {
  /** What products take: those that take the same are together. */
  readonly inputs: readonly Pick<LinearInputs, "weights">[];
}

/** Both throw a RetemperError for a model that no engine runs, and rows that cannot be read. */
export interface ActivationSource {
  read(request: ActivationRequest, options: PrepareOptions): Promise<RowsInModel>;
  /** From the rows, the tokenizer and headers. */
  count(request: Omit<ActivationRequest, "folder">, options: PrepareOptions): Promise<RowsCounted>;
}

let given: ActivationSource | undefined;

/** Says who computes activations from here on, for all merges of the process. */
export function provideActivations(source: ActivationSource): void {
  given = source;
}

/** @throws RetemperError USAGE where nobody computes them */
export function activationSource(method: string): ActivationSource {
  if (given) return given;
  throw new RetemperError("USAGE", `${method} runs the aligned model on rows, and this package only merges`, {
    hint: 'merge with the package retemper (its command, or import { merge } from "retemper"), which has engines that run models',
  });
}
