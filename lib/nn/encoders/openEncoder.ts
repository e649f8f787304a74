// Opens an encoder for metrics: its tokenizer, and hidden states of any layer.

import type { EncoderOptions, OpenEncoder } from "./encoder.js";

/**
 * Opens a BERT, RoBERTa or DeBERTa (v1) model, with or without a head.
 * @param model its folder or hub id
 * @throws RetemperError BAD_INPUT for a model that cannot be run or has no tokenizer.json; what the engine throws
 * @example
 * ```ts
 * import { openEncoder } from "retemper";
 *
 * const encoder = await openEncoder("roberta-base");
 * const ids = encoder.encode("How is the weather?");
 * const [states] = await encoder.hidden([ids], encoder.layers); // tokens x hidden size
 * console.log(ids.length, states?.length === ids.length * encoder.hiddenSize);
 * await encoder.close();
 * ```
 */
export async function openEncoder(model: string, options: EncoderOptions = {}): Promise<OpenEncoder> {
  // Engines and TensorFlow.js take a while to load, and most programs never open an encoder.
  const { startEncoder } = await import("./startEncoder.js");
  return startEncoder(model, options);
}
