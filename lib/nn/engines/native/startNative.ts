// The native engine: fused operations as kernels of the addon, over weights where they lie in the checkpoint's mapped files.

import { availableParallelism } from "node:os";
import { loadAddon } from "../../../addon/load.js";
import type { Checkpoint } from "../../../checkpoint/types.js";
import type { VirtualMerge } from "../../../merge/virtualMerge.js";
import type { Decoder } from "../../decoder.js";
import { isCopied } from "../../memory/machineMemory.js";
import type { DecoderSpec, Weight } from "../../ops/specs.js";
import { ready, setBackend, version_core } from "../../tensorflowCore.js";
import { mergeBytes } from "../../virtual/heldBytes.js";
import type { CacheElements, EngineFacts, EngineOptions, Precision, WeightsForm } from "../engineTypes.js";
import type { RunningEngine } from "../runningEngine.js";

/** What is held of a merge, as a file. */
export interface HeldFile {
  readonly path: string;
  /** Else it is written, and must not exist. */
  readonly isThere: boolean;
}

export interface NativeOptions extends Pick<EngineOptions, "precision" | "cache" | "threads" | "maxMemory"> {
  /** Of a virtual merge: makes all weights when it opens, for every lambda, and keeps them in memory. */
  readonly hold?: boolean | undefined;
  /** Whether weights are read where the checkpoint's files are mapped: not where they are held, nor of network file systems. */
  readonly isMapped?: boolean | undefined;
  /**
   * Of a merge: "asStored" multiplies the blocks of a GGUF file that it copies as they are; others say how it is quantised.
   */
  readonly weights?: WeightsForm | undefined;
  /** Where what is held of the merge lies, or is written to. */
  readonly heldFile?: HeldFile | undefined;
  /** The merge that the checkpoint stands for, where it was never written. */
  readonly merge?: VirtualMerge | undefined;
}

/**
 * Multiplications and additions that a thread does in half to three quarters of a second, by the instruction set of products: the
 * first that is part of the target's name. Tile units are counted as they are beside other load.
 */
const STEP_WORK: readonly (readonly [target: string, work: Readonly<Record<Precision, number>>])[] = [
  ["amx", { bfloat16: 2.5e11, float32: 1.25e11 }],
  ["avx512_bf16", { bfloat16: 2.5e11, float32: 1.25e11 }],
  ["avx512", { bfloat16: 1.25e11, float32: 1.25e11 }],
];

/** Positions that the cache gives out at once. */
const PAGE = 64;

/**
 * Starts the engine's threads. Files are opened when a weight in them is first used.
 * @throws RetemperError OUT_OF_MEMORY where the system refuses threads
 */
export async function startNative(
  checkpoint: Checkpoint,
  weights: readonly Weight[],
  {
    precision = "float32",
    cache = precision,
    threads = availableParallelism(),
    merge,
    hold = false,
    isMapped = false,
    heldFile,
    weights: form,
    maxMemory,
  }: NativeOptions = {},
): Promise<RunningEngine> {
  // TensorFlow.js's CPU backend comes with them, so they are loaded when they are needed.
  const [{ KernelRuntime }, { BACKEND, registerKernels }] = await Promise.all([
    import("./kernelRuntime.js"),
    import("./registerKernels.js"),
  ]);
  registerKernels();
  await setBackend(BACKEND);
  await ready();
  const addon = loadAddon();
  const files = checkpoint.files.reduce((sum, { size }) => sum + size, 0);
  // What is made now is in memory already, where blocks are packed.
  const copied = hold && !heldFile?.isThere ? 0 : merge ? mergeBytes(merge, hold) : files;
  // With a limit they stay mapped, so that they may be more than it.
  const copiesFiles = maxMemory === undefined && isCopied(copied);
  const runtime = new KernelRuntime(addon, checkpoint.files, { precision, cache, threads, copiesFiles });
  const blocks = merge !== undefined && (form === "asStored" || merge.quantised !== undefined);
  let virtualTensors: RunningEngine["virtualTensors"];
  try {
    virtualTensors = merge && runtime.openMerge(merge.plan, merge.fidelity === "linear", hold, blocks, heldFile);
  } catch (error) {
    runtime.dispose();
    throw error;
  }
  const weightBytes = merge ? mergeBytes(merge, hold) : weights.reduce((sum, weight) => sum + bytesOf(weight), 0);
  const inputs = merge ? merge.files.reduce((sum, { size }) => sum + size, 0) : weightBytes;
  return {
    runtime,
    virtualTensors,
    argMax: (values) => runtime.argMax(values),
    ...(merge && { setVariant: (variant, plan) => runtime.setVariant(variant, plan) }),
    backend: BACKEND,
    facts: {
      engine: "native",
      model: checkpoint.reference,
      versions: { retemper: addon.describe().version, "tensorflow.js": version_core },
      device: `cpu: ${runtime.target}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
      gpu: false,
      precision,
      ...(cache !== precision && { cache }),
      ...(merge && mergeFacts(merge)),
      ...(blocks && { weights: form }),
    },
    weightBytes,
    mapped: isMapped && !copiesFiles ? inputs : undefined,
    stepWork: STEP_WORK.find(([target]) => runtime.target.includes(target))?.[1][precision],
    decoderMemory: (spec) => memoryOf(spec, cache),
    prepare: (spec) => runtime.prepare(spec),
  };
}

function mergeFacts({
  fidelity,
  lambdas,
  lambdaRange,
  weightNames,
  variants,
}: VirtualMerge): Pick<EngineFacts, "fidelity" | "lambdas" | "lambdaRange" | "weightNames" | "variants"> {
  return {
    fidelity,
    ...(lambdas && { lambdas }),
    ...(lambdaRange && { lambdaRange }),
    ...(weightNames && { weightNames }),
    ...(variants !== undefined && { variants }),
  };
}

function bytesOf({ stored, rows }: Weight): number {
  return rows ? (stored.bytes / (stored.shape[0] as number)) * (rows[1] - rows[0]) : stored.bytes;
}

/** Scratch memory of the kernels, results of the operations of a layer, and keys and values in pages. */
function memoryOf(spec: DecoderSpec, cache: CacheElements): Omit<Decoder["memory"], "weights"> {
  const padded = (n: number) => Math.ceil(n / 16) * 16;
  const element = { float32: 4, bfloat16: 2, int8: 1 }[cache];
  const scales = cache === "int8" ? 8 : 0; // of a head's key and value
  const cacheToken = spec.layers.reduce(
    (sum, { attend: { kvHeads, headDim } }) => sum + kvHeads * (element * (headDim + padded(headDim)) + scales),
    0,
  );
  const row = Math.max(
    ...spec.layers.map(
      ({ attend: { heads, kvHeads, headDim }, mlp }) =>
        2 * mlp.up.out + Math.max(mlp.up.out, heads * headDim, spec.hidden) + (3 * heads + 2 * kvHeads + 1) * headDim,
    ),
  );
  return {
    cacheToken,
    forksShare: true,
    // Every sequence may leave most of its last page empty.
    activations: (rows, wanted) =>
      4 * (rows * (row + 3 * spec.hidden) + wanted * (spec.vocabulary + spec.hidden)) + wanted * PAGE * cacheToken,
  };
}
