// From an open checkpoint to a decoder on an engine. What is wrong with the model is found here, before any engine starts.

import type { Checkpoint } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import type { LocalEngineName } from "./engines/engineTypes.js";
import type { NativeOptions } from "./engines/native/startNative.js";
import { decoderOn, weightsOf } from "./engines/runningEngine.js";
import { startEngine } from "./engines/startEngine.js";
import type { TensorflowOptions } from "./engines/tensorflow/openTensorflow.js";
import { decoderSpec } from "./families/decoderSpec.js";
import { stopTokensOf } from "./families/stopTokens.js";
import type { AssembledDecoder } from "./ops/assembleDecoder.js";

/**
 * Opens a checkpoint's language model.
 * @throws RetemperError BAD_INPUT for a model that cannot be run (an unknown family, missing tensors, …); what the engine
 * throws.
 */
export async function openDecoder(
  checkpoint: Checkpoint,
  engine: LocalEngineName,
  options: TensorflowOptions & NativeOptions = {},
): Promise<AssembledDecoder> {
  if (options.merge && engine !== "native") {
    throw new RetemperError("USAGE", `the engine ${engine} runs models that are written`, {
      hint: "leave the engine out, or say native; or write the merge first: retemper merge",
    });
  }
  if (options.cache && engine !== "native") {
    throw new RetemperError("USAGE", `the engine ${engine} keeps keys and values as it computes them`, {
      hint: "leave cache out, or take the engine native",
    });
  }
  if (checkpoint.adapter) {
    throw new RetemperError("USAGE", `${checkpoint.reference}: an adapter cannot be run beside its base`, {
      hint: "Open it as a merge: the text BASE+ADAPTER, or a recipe.",
    });
  }
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  return decoderOn(await startEngine(engine, checkpoint, weightsOf(spec), options), spec);
}
