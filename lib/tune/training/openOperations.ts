// Which operations a training runs on: those of the engine that has some of its own, else compositions of ordinary ones.

import type { RunningEngine } from "../../nn/engines/runningEngine.js";
import type { DecoderSpec } from "../../nn/ops/specs.js";
import type { AdaptedRuntime } from "../adapter/adaptedRuntime.js";
import { composedOperations } from "./composedOperations.js";
import type { TrainingHooks, TrainingOperations } from "./trainingOperations.js";

/** @throws whatever `hooks.checkStop` throws, from the operations */
export async function openOperations(
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
