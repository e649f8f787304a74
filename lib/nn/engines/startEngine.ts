// Starts an engine, by name, on a checkpoint's weights.

import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import type { Weight } from "../ops/specs.js";
import type { LocalEngineName } from "./engineTypes.js";
import { type NativeOptions, startNative } from "./native/startNative.js";
import { startReference } from "./reference/startReference.js";
import type { RunningEngine } from "./runningEngine.js";
import { startTensorflow, type TensorflowOptions } from "./tensorflow/openTensorflow.js";

/** Throws what the engine throws: DEVICE where it cannot run here. */
export async function startEngine(
  engine: LocalEngineName,
  checkpoint: Checkpoint,
  weights: readonly Weight[],
  options: TensorflowOptions & NativeOptions = {},
): Promise<RunningEngine> {
  switch (engine) {
    case "reference":
      return startReference(checkpoint, weights);
    case "native":
      return startNative(checkpoint, weights, options);
    case "tensorflow":
      return startTensorflow(checkpoint, weights, options);
    default:
      throw new RetemperError("USAGE", `the engine ${engine} is not built in`);
  }
}
