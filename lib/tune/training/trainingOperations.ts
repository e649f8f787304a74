// Which operations a training runs on: those of the engine that has some of its own, else compositions of ordinary ones.

import type { RunningEngine } from "../../nn/engines/runningEngine.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import type { RowNorms } from "../adapter/terms.js";
import { composedOperations, type Gradients, type TrainingOperations } from "./gradients.js";

export interface TrainingHooks {
  /** Where gradients are summed. */
  readonly gradients: Gradients;
  readonly norms: RowNorms;
  /** That any micro-batch may have. */
  readonly mostRows: number;
  /** Called before each layer's operations, forward and back: throws to end the training. */
  readonly checkStop: () => void;
}

export async function trainingOperations(
  spec: DecoderSpec,
  runtime: AdaptedRuntime,
  { facts, runtime: base }: RunningEngine,
  hooks: TrainingHooks,
): Promise<TrainingOperations> {
  if (facts.engine !== "native") return composedOperations(spec, runtime, hooks.checkStop);
  // TensorFlow.js's CPU backend comes with them, so they are loaded when they are needed.
  const [{ nativeOperations }, { KernelRuntime }] = await Promise.all([
    import("./nativeOperations.js"),
    import("../../nn/engines/native/kernelRuntime.js"),
  ]);
  return base instanceof KernelRuntime
    ? nativeOperations(spec, runtime, base, hooks)
    : composedOperations(spec, runtime, hooks.checkStop);
}
