// The reference engine: TensorFlow.js's own backend in plain JavaScript. For tests: slow, and everything else is measured
// against it.

import { loadAddon } from "../../../addon/load.js";
import { elementsOf } from "../../../checkpoint/elementsOf.js";
import type { Checkpoint } from "../../../checkpoint/types.js";
import { registerCompositions } from "../../ops/compositions.js";
import type { Weight } from "../../ops/specs.js";
import { enableProdMode, ready, setBackend, version_core } from "../../tensorflowCore.js";
import type { RunningEngine } from "../runningEngine.js";
import { ReferenceRuntime } from "./referenceRuntime.js";

const BACKEND = "cpu";

/** Makes the backend current, and the fused operations its kernels. */
export async function useReference(): Promise<void> {
  enableProdMode(); // else the backend prints advice
  await import("../../tensorflowCpu.js");
  registerCompositions(BACKEND);
  await setBackend(BACKEND);
  await ready();
}

/** The reference engine on a checkpoint's weights. */
export async function startReference(checkpoint: Checkpoint, weights: readonly Weight[]): Promise<RunningEngine> {
  await useReference();
  const elements = weights.map(elementsOf);
  return {
    runtime: new ReferenceRuntime(checkpoint.files, loadAddon()),
    backend: BACKEND,
    facts: {
      engine: "reference",
      model: checkpoint.reference,
      versions: { "tensorflow.js": version_core },
      device: "cpu: JavaScript",
      gpu: false,
      precision: "float32",
    },
    weightBytes: 4 * elements.reduce((sum, count) => sum + count, 0),
  };
}
