// Loads TensorFlow into this thread: the binding of the cache, under TensorFlow.js's own backend for Node.

import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { RetemperError } from "../../../errors.js";
import * as tf from "../../tensorflowCore.js";
import {
  bindingFile,
  type CacheOptions,
  cacheRoot,
  hasNvidiaDriver,
  type TensorflowVariant,
  variantFolder,
  variantSetUp,
} from "./libraryFolders.js";
import { findTfjsPackage, TFJS_PACKAGE, type TfjsPackage } from "./tfjsPackage.js";

/** TensorFlow.js's name for the backend. */
export const BACKEND = "tensorflow";

/** What the binding takes and gives; tensors are numbers that `deleteTensor` frees. */
export interface Binding {
  readonly TF_Version: string;
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array | Uint8Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array;
  executeOp(name: string, attributes: readonly OpAttribute[], inputs: readonly number[], outputs: number): OpOutput[];
  isUsingGpuDevice(): boolean;
  getNumOfTensors(): number;
}

export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | boolean | string | readonly number[];
}

export interface OpOutput {
  readonly id: number;
  readonly dtype: number;
  readonly shape: number[];
}

/** TensorFlow.js's own backend over the binding, with the two of its methods that lead from tensors to numbers and back. */
export interface TensorflowBackend {
  readonly binding: Binding;
  readonly isUsingGpuDevice: boolean;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(output: OpOutput): tf.Tensor;
}

export interface Tensorflow {
  readonly backend: TensorflowBackend;
  readonly binding: Binding;
  readonly variant: TensorflowVariant;
  /** Asked of TensorFlow: it falls back to the CPU without a word where it cannot use the GPU. */
  readonly gpu: boolean;
  /** Of one operation. */
  readonly threads: number;
  readonly versions: { readonly "TensorFlow.js": string; readonly TensorFlow: string };
}

export interface LoadOptions extends CacheOptions {
  /** Of one operation, and of operations side by side; the first load in a process decides. */
  readonly threads?: number | undefined;
  /** The one with CUDA where it is set up and there is a driver, by default. */
  readonly variant?: TensorflowVariant | undefined;
}

let loaded: Tensorflow | undefined;

/**
 * TensorFlow, loaded once in each thread; the backend is registered, and not made the current one.
 *
 * TensorFlow reads its settings from the process's environment when it is first loaded. They are set here unless the user
 * has set them; in a worker thread that reaches TensorFlow only if the worker shares its environment
 * (`new Worker(…, { env: SHARE_ENV })`).
 * @throws RetemperError DEVICE where it is not set up, or does not load; the hint names the command
 */
export function loadTensorflow(options: LoadOptions = {}): Tensorflow {
  loaded ??= load(options);
  return loaded;
}

function load(options: LoadOptions): Tensorflow {
  const root = cacheRoot(options);
  const found = findTfjsPackage();
  const variant = found && (options.variant ?? variantSetUp(root, found.version));
  if (found === undefined || variant === undefined) {
    const missing =
      found === undefined ? `the package ${TFJS_PACKAGE} is not installed` : `nothing is set up in ${root}`;
    throw new RetemperError("DEVICE", `the engine tensorflow is not set up: ${missing}`, {
      hint: "run: retemper setup-tensorflow (with --cuda for an NVIDIA GPU); or use --engine native, which needs nothing",
    });
  }
  prepareEnvironment(process.env, options.threads);
  const file = bindingFile(variantFolder(root, variant), found.version);
  try {
    mendNode();
    const binding = found.require(file) as Binding;
    const backend = registerBackend(found, binding);
    const versions = { "TensorFlow.js": tf.version_core, TensorFlow: binding.TF_Version };
    const used = Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism();
    return { backend, binding: backend.binding, variant, gpu: backend.isUsingGpuDevice, threads: used, versions };
  } catch (error) {
    throw new RetemperError("DEVICE", `TensorFlow could not be loaded: ${(error as Error).message}`, {
      file,
      hint: `delete ${variantFolder(root, variant)} and run: retemper setup-tensorflow`,
      cause: error,
    });
  }
}

/**
 * Memory of a GPU is taken as it is needed, float32 products are not rounded to TF32, and TensorFlow's notes stay out of
 * the terminal: of its errors, all come but the one that it writes where there is no driver to ask for a GPU.
 */
function prepareEnvironment(env: Record<string, string | undefined>, threads: number | undefined): void {
  env.TF_FORCE_GPU_ALLOW_GROWTH ??= "true";
  env.NVIDIA_TF32_OVERRIDE ??= "0";
  env.TF_CPP_MIN_LOG_LEVEL ??= hasNvidiaDriver() ? "2" : "3";
  if (threads === undefined) return;
  env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  env.TF_NUM_INTEROP_THREADS ??= String(threads);
}

/** The package calls two functions that Node 23 removed. */
function mendNode(): void {
  const util = createRequire(import.meta.url)("node:util") as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

/**
 * What the package's main module does, less what is not needed here: it looks for the binding inside the package, where
 * the next `npm ci` would delete it.
 */
function registerBackend(found: TfjsPackage, binding: Binding): TensorflowBackend {
  if (tf.findBackend(BACKEND) === null) {
    const { NodeJSKernelBackend } = found.require("./dist/nodejs_kernel_backend.js") as {
      NodeJSKernelBackend: new (binding: Binding, name: string) => tf.KernelBackend;
    };
    found.require("./dist/register_all_kernels.js");
    tf.registerBackend(BACKEND, () => new NodeJSKernelBackend(binding, TFJS_PACKAGE), 3);
  }
  // registered by somebody's import of the package: that backend has a binding of its own, and only one may make tensors
  return tf.findBackend(BACKEND) as unknown as TensorflowBackend;
}
