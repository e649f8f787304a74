// The reference engine: TensorFlow.js's own backend in plain JavaScript. For tests: slow, and everything else is measured
// against it.

import { enableProdMode, ready, setBackend, version_core } from "@tensorflow/tfjs-core";
import { loadAddon } from "../../../addon/load.js";
import type { Checkpoint } from "../../../checkpoint/types.js";
import { type AssembledDecoder, assembleDecoder } from "../../ops/assembleDecoder.js";
import { registerCompositions } from "../../ops/compositions.js";
import type { DecoderSpec } from "../../ops/specs.js";
import { ReferenceRuntime } from "./referenceRuntime.js";

const BACKEND = "cpu";

/** Makes the backend current, and the fused operations its kernels. */
export async function startReference(): Promise<void> {
  enableProdMode(); // else the backend prints advice
  await import("@tensorflow/tfjs-backend-cpu");
  registerCompositions(BACKEND);
  await setBackend(BACKEND);
  await ready();
}

/** Opens a decoder on the reference engine. */
export async function openReference(checkpoint: Checkpoint, spec: DecoderSpec): Promise<AssembledDecoder> {
  await startReference();
  let elements = 0;
  for (const { shape } of checkpoint.tensors.values()) elements += shape.reduce((product, size) => product * size, 1);
  const widest = Math.max(...spec.layers.map(({ mlp, attend }) => 3 * mlp.up.out + 4 * attend.heads * attend.headDim));
  return assembleDecoder({
    spec,
    backend: BACKEND,
    runtime: new ReferenceRuntime(checkpoint.files, loadAddon()),
    facts: {
      engine: "reference",
      model: checkpoint.reference,
      versions: { "tensorflow.js": version_core },
      device: "cpu: JavaScript",
      gpu: false,
      precision: "float32",
    },
    memory: {
      weights: 4 * elements,
      cacheToken: spec.layers.reduce((sum, { attend }) => sum + 8 * attend.kvHeads * attend.headDim, 0),
      activations: (rows, wanted) => 4 * (rows * (widest + 4 * spec.hidden) + 2 * wanted * spec.vocabulary),
    },
  });
}
