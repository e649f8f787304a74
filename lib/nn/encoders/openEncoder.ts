// Opens an encoder for metrics: its tokenizer, and hidden states of any layer.

import type { EngineFacts, ModelOptions } from "../../generate/types.js";

export type EncoderOptions = Pick<ModelOptions, "engine" | "precision" | "threads" | "requireGpu" | "maxMemory">;

export interface Encoder {
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

/**
 * Opens a BERT, RoBERTa or DeBERTa (v1) model, with or without a head.
 * @param model its folder or hub id
 * @throws RetemperError BAD_INPUT for a model that cannot be run or has no tokenizer.json; what the engine throws
 */
export async function openEncoder(model: string, options: EncoderOptions = {}): Promise<Encoder> {
  // Engines and TensorFlow.js take a while to load, and most programs never open an encoder.
  const { startEncoder } = await import("./startEncoder.js");
  return startEncoder(model, options);
}
