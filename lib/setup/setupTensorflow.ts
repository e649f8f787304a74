// Sets the TensorFlow engine up: finds or installs TensorFlow.js, brings TensorFlow's C library into the cache, compiles the
// binding between them, and makes sure that it computes. Nothing is half done when it is killed; the next run goes on.

import { existsSync } from "node:fs";
import { rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ioError, isSystemError } from "../files/ioError.js";
import { makeFolder } from "../files/makeFolder.js";
import {
  bindingFile,
  type CacheOptions,
  cacheRoot,
  recordedBytes,
  type TensorflowVariant,
  variantFolder,
} from "../nn/engines/tensorflow/libraryFolders.js";
import { findTfjsPackage, TFJS_PACKAGE, type TfjsPackage } from "../nn/engines/tensorflow/tfjsPackage.js";
import { tryLock } from "../output/tryLock.js";
import { waitFor } from "../output/waitFor.js";
import { bringLibrary } from "./bringLibrary.js";
import { buildBinding, findCompiler } from "./buildBinding.js";
import type { WheelSources } from "./downloadWheel.js";
import { installTfjsPackage } from "./installTfjsPackage.js";
import { requireSupportedPlatform } from "./platform.js";
import { type SetupProgress, SetupReporter } from "./setupReporter.js";
import type { TensorflowFacts } from "./tensorflowFacts.js";
import { type Wheel, wheelsOf } from "./wheels.js";

export interface SetupOptions extends CacheOptions, WheelSources {
  /** Brings CUDA and cuDNN along, for an NVIDIA GPU. Without it, TensorFlow runs on the processor. */
  readonly cuda?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: SetupProgress) => void) | undefined;
}

export interface TensorflowSetup extends TensorflowFacts {
  readonly variant: TensorflowVariant;
  /** Holds TensorFlow's library and the binding. */
  readonly folder: string;
  /** Bytes of TensorFlow's library and what came with it on disk. */
  readonly bytes: number;
  /** Whether there was nothing left to do but the check. */
  readonly alreadySetUp: boolean;
  readonly seconds: number;
}

/**
 * Sets the TensorFlow engine up: installs what is missing, compiles the binding and sees that it computes. What is there
 * is not done again.
 * @throws RetemperError DEVICE on a machine that TensorFlow does not run on, or without a compiler; NETWORK where a
 *   download fails; NO_SPACE; all before or without leaving anything that looks complete
 * @example
 * ```ts
 * import { openModel, setupTensorflow } from "retemper";
 *
 * const { folder, bytes } = await setupTensorflow({ cuda: true }); // a download of some gigabytes, once
 * console.log(folder, bytes);
 * const model = await openModel("models/aligned", { engine: "tensorflow", requireGpu: true });
 * await model.close();
 * ```
 */
export async function setupTensorflow(options: SetupOptions = {}): Promise<TensorflowSetup> {
  const started = performance.now();
  const { signal } = options;
  signal?.throwIfAborted();
  requireSupportedPlatform();
  const reporter = new SetupReporter(options.onProgress);
  const found = findTfjsPackage();
  if (found === undefined) reporter.start(`install ${TFJS_PACKAGE}`, 0);
  const tfjs = found ?? (await installTfjsPackage(signal));
  const variant = options.cuda ? "cuda" : "cpu";
  const root = cacheRoot(options);
  const folder = variantFolder(root, variant);
  const target = bindingFile(folder, tfjs.version);
  const isBuilt = existsSync(target);
  if (!isBuilt) {
    try {
      await prepareLocked({ root, folder, target, tfjs, wheels: wheelsOf(variant), options, reporter });
    } catch (error) {
      throw setupError(error, root, signal);
    }
  }
  await offerToPackage(tfjs, target);
  // Only now is there something that TensorFlow.js can be loaded for.
  const [{ checkTensorflow }, { loadTensorflow }] = await Promise.all([
    import("./checkTensorflow.js"),
    import("../nn/engines/tensorflow/loadTensorflow.js"),
  ]);
  const check = checkTensorflow(loadTensorflow({ ...options, variant }));
  const seconds = (performance.now() - started) / 1000;
  const alreadySetUp = isBuilt && found !== undefined;
  return { ...check, variant, folder, bytes: recordedBytes(folder), alreadySetUp, seconds };
}

interface Preparation {
  readonly root: string;
  readonly folder: string;
  readonly target: string;
  readonly tfjs: TfjsPackage;
  readonly wheels: readonly Wheel[];
  readonly options: SetupOptions;
  readonly reporter: SetupReporter;
}

async function prepareLocked(preparation: Preparation): Promise<void> {
  const { root, options } = preparation;
  await makeFolder(root);
  // One setup at a time; a second one waits, and finds the work done.
  const lock = await waitFor(() => tryLock(join(root, "tensorflow.lock")).lock ?? null, { signal: options.signal });
  try {
    await prepare(preparation);
  } finally {
    lock.release();
  }
}

/** Library, then binding; what is there already is left as it is. */
async function prepare({ root, folder, target, tfjs, wheels, options, reporter }: Preparation): Promise<void> {
  const { signal } = options;
  const compiler = await findCompiler(options.env, signal); // before a long download, not after it
  if (!existsSync(folder)) await bringLibrary({ root, folder, wheels, ...options, reporter });
  if (existsSync(target)) return; // another setup was faster
  reporter.start("compile", 0);
  await buildBinding({ package: tfjs, folder, target, compiler, signal });
}

/** What the file system threw, with a code and a remedy; all else as it is. */
function setupError(error: unknown, root: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (!isSystemError(error)) return error;
  const failure = ioError(error, root, "setting TensorFlow up failed");
  const hint = `${failure.hint ?? "check the folder"}; RETEMPER_CACHE names another folder`;
  return failure.retold(failure.message, { hint, cause: error });
}

/** So that a program's own `import "@tensorflow/tfjs-node-gpu"` finds the binding too, where the package can be written to. */
async function offerToPackage(tfjs: TfjsPackage, target: string): Promise<void> {
  const link = join(tfjs.folder, "lib/napi-v8/tfjs_binding.node");
  try {
    await makeFolder(dirname(link));
    await rm(link, { force: true });
    await symlink(target, link);
  } catch {} // engines load the binding from the cache
}
