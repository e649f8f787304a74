// Which operations a training runs on: those of the engine that has some of its own, else compositions of ordinary ones.

import type { RunningEngine } from "../../generate/engines/runningEngine.js";
import type { DecoderSpec } from "../../generate/ops/specs.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import { composedOperations, type TrainingOperations } from "./gradients.js";

export function trainingOperations(
  spec: DecoderSpec,
  runtime: AdaptedRuntime,
  _engine: RunningEngine,
): TrainingOperations {
  return composedOperations(spec, runtime);
}
