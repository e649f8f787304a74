// What an open encoder gives, and what it is opened with.

import type { DownloadOptions } from "../../checkpoint/obtain.js";
import type { EngineFacts, EngineOptions } from "../engines/engineTypes.js";

export interface EncoderOptions extends EngineOptions {
  readonly signal?: AbortSignal | undefined;
  /** How an encoder is downloaded that is not on this machine; by default the environment says it. */
  readonly hub?: DownloadOptions | undefined;
}

export interface OpenEncoder {
  readonly facts: EngineFacts;
  readonly layers: number;
  readonly hiddenSize: number;
  /** Tokens of the longest input, special tokens included. */
  readonly maxLength: number;
  /** Ids of the special tokens at either end of an input. */
  readonly endIds: { readonly start: number; readonly end: number };
  /** Ids with the special tokens at either end; a text that is too long loses its end. */
  encode(text: string, options?: { readonly maxLength?: number | undefined }): number[];
  /**
   * Hidden states after `layer` layers (0: the embeddings), [tokens x hidden size] row-major, one array an input, in order.
   * Other work of the thread comes in between layers.
   * @throws RetemperError USAGE for a layer that is not there, inputs that are too long, ids that are not in the vocabulary
   */
  hidden(
    ids: readonly (readonly number[])[],
    layer: number,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<Float32Array[]>;
  close(): Promise<void>;
}
