// Opens a decoder on TensorFlow: the fused operations over its own, called by number, with the weights in its memory.

import { loadAddon } from "../../../addon/load.js";
import { elementsOf } from "../../../checkpoint/elementsOf.js";
import type { Checkpoint } from "../../../checkpoint/types.js";
import { RetemperError } from "../../../errors.js";
import { availableMemory } from "../../memory/machineMemory.js";
import type { AssembledDecoder } from "../../ops/assembleDecoder.js";
import { registerCompositions } from "../../ops/compositions.js";
import type { DecoderSpec, Weight } from "../../ops/specs.js";
import { enableProdMode } from "../../tensorflowCore.js";
import type { EngineOptions, Precision } from "../engineTypes.js";
import { decoderOn, type RunningEngine, weightsOf } from "../runningEngine.js";
import { registerFusedKernels } from "./fusedKernels.js";
import { BACKEND, type LoadOptions, loadTensorflow, type Tensorflow } from "./loadTensorflow.js";
import { onTensorflow } from "./onTensorflow.js";
import { RawOps, TF_TYPE } from "./rawOps.js";
import { TensorflowRuntime, type WeightPolicy } from "./tensorflowRuntime.js";

export type TensorflowOptions = LoadOptions & Pick<EngineOptions, "precision" | "requireGpu" | "maxMemory">;

/** Share of the memory that matrices may take so that they are kept widened to float32. */
const WIDENED_SHARE = 0.5;

/** A decoder on TensorFlow; throws what `startTensorflow` throws. */
export function openTensorflow(
  checkpoint: Checkpoint,
  spec: DecoderSpec,
  options: TensorflowOptions = {},
): AssembledDecoder {
  return decoderOn(startTensorflow(checkpoint, weightsOf(spec), options), spec);
}

/**
 * Loads TensorFlow into this thread, and the weights into its memory.
 * @throws RetemperError DEVICE where TensorFlow is not set up, or has no GPU and one is required
 */
export function startTensorflow(
  checkpoint: Checkpoint,
  weights: readonly Weight[],
  options: TensorflowOptions = {},
): RunningEngine {
  const tensorflow = loadTensorflow(options);
  if (options.requireGpu && !tensorflow.gpu) throw noGpu(tensorflow);
  enableProdMode();
  registerFusedKernels();
  registerCompositions(BACKEND); // the others
  const { precision = "float32" } = options;
  const policy = policyFor(precision, tensorflow.gpu, weights, options.maxMemory ?? availableMemory());
  const runtime = new TensorflowRuntime(new RawOps(tensorflow), checkpoint.files, loadAddon(), policy);
  onTensorflow(() => {
    try {
      for (const weight of weights) runtime.load(weight);
    } catch (error) {
      runtime.dispose();
      throw error;
    }
  });
  return {
    runtime,
    backend: BACKEND,
    facts: {
      engine: "tensorflow",
      model: checkpoint.reference,
      versions: tensorflow.versions,
      device: shownDevice(tensorflow, policy),
      gpu: tensorflow.gpu,
      precision,
    },
    weightBytes: weights.reduce((sum, weight) => sum + bytesOf(weight, policy), 0) + transientBytes(weights, policy),
  };
}

/**
 * bfloat16 is kept and multiplied as it is. For float32, a processor multiplies faster when it need not widen the weights
 * for every product, so they are kept widened where there is room; a GPU widens them at its memory's speed, and its memory
 * is what decides whether a model runs at all.
 */
export function policyFor(
  precision: Precision,
  gpu: boolean,
  weights: readonly Weight[],
  memory: number,
): WeightPolicy {
  if (precision === "bfloat16") return { computed: TF_TYPE.BFLOAT16, kept: TF_TYPE.BFLOAT16 };
  const widened: WeightPolicy = { computed: TF_TYPE.FLOAT, kept: TF_TYPE.FLOAT };
  const bytes = weights.reduce((sum, weight) => sum + bytesOf(weight, widened), 0);
  return !gpu && bytes <= WIDENED_SHARE * memory ? widened : { computed: TF_TYPE.FLOAT, kept: "stored" };
}

function shownDevice({ gpu, threads, variant }: Tensorflow, { kept }: WeightPolicy): string {
  const type = { [TF_TYPE.FLOAT]: "in float32", [TF_TYPE.BFLOAT16]: "in bfloat16", stored: "as stored" }[kept];
  const where = gpu ? "gpu" : `cpu: ${threads} thread${threads === 1 ? "" : "s"}`;
  return `${where}, TensorFlow for ${variant}, weights ${type}`;
}

function bytesOf(weight: Weight, { kept }: WeightPolicy): number {
  const elements = elementsOf(weight);
  if (weight.shape.length === 1 || kept === TF_TYPE.FLOAT) return 4 * elements;
  return (kept === "stored" && weight.stored.dtype === "F32" ? 4 : 2) * elements;
}

/** A matrix that is widened for its product lies in memory twice meanwhile. */
function transientBytes(weights: readonly Weight[], { kept }: WeightPolicy): number {
  return kept === "stored" ? 4 * weights.reduce((most, weight) => Math.max(most, elementsOf(weight)), 0) : 0;
}

function noGpu({ variant }: Tensorflow): RetemperError {
  return new RetemperError("DEVICE", "TensorFlow found no GPU that it can use, and one was required", {
    hint:
      variant === "cpu"
        ? "TensorFlow is set up for processors only; run: retemper setup-tensorflow --cuda"
        : "see whether nvidia-smi shows the GPU, its driver is 525 or newer, and CUDA_VISIBLE_DEVICES does not hide it; " +
          "with TF_CPP_MIN_LOG_LEVEL=0 TensorFlow tells what it misses",
  });
}
