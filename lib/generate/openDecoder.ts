// From an open checkpoint to a decoder on an engine. What is wrong with the model is found here, before any engine starts.

import type { Checkpoint } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { decoderOn, weightsOf } from "./engines/runningEngine.js";
import { startEngine } from "./engines/startEngine.js";
import type { TensorflowOptions } from "./engines/tensorflow/openTensorflow.js";
import { decoderSpec } from "./families/decoderSpec.js";
import { stopTokensOf } from "./families/stopTokens.js";
import type { AssembledDecoder } from "./ops/assembleDecoder.js";
import type { EngineName } from "./types.js";

/**
 * Opens a checkpoint's language model.
 * @throws RetemperError BAD_INPUT for a model that cannot be run (an unknown family, missing tensors, …); what the engine
 * throws.
 */
export async function openDecoder(
  checkpoint: Checkpoint,
  engine: Exclude<EngineName, "endpoint">,
  options: TensorflowOptions = {},
): Promise<AssembledDecoder> {
  if (checkpoint.adapter) {
    throw new RetemperError("USAGE", `${checkpoint.reference}: an adapter cannot be run beside its base`, {
      hint: "Merge it first: retemper merge.",
    });
  }
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  return decoderOn(await startEngine(engine, checkpoint, weightsOf(spec), options), spec);
}
