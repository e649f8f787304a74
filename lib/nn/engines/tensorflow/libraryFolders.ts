// Where the TensorFlow library and the binding lie: a cache that all checkouts and projects of a user share.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type OwnCacheOptions, ownCache } from "../../../files/ownCache.js";

/** The release of TensorFlow whose C library the binding is built against. */
export const TENSORFLOW_VERSION = "2.20.0";

/** "cpu" runs on any x86-64 processor with AVX; "cuda" brings CUDA 12.5 and cuDNN 9.3 along and also runs without a GPU. */
export type TensorflowVariant = "cpu" | "cuda";

export type CacheOptions = OwnCacheOptions;

export const cacheRoot = ownCache;

/**
 * The folder of one variant. It is renamed into place when its libraries are whole, so where it exists they are; bindings
 * are added to it, each by a rename too.
 */
export function variantFolder(root: string, variant: TensorflowVariant): string {
  return join(root, `tensorflow-${TENSORFLOW_VERSION}-${variant}`);
}

/** Raised when the way of building changes, so that older bindings are not taken for current ones. */
const BUILD_REVISION = 1;

/** The binding that was made of the sources of this version of @tensorflow/tfjs-node-gpu. */
export function bindingFile(folder: string, tfjs: string): string {
  return join(folder, `binding-tfjs-${tfjs}-r${BUILD_REVISION}`, "tfjs_binding.node");
}

/**
 * The variant that engines use: of those that are set up, the one with CUDA where there is a driver, else the other. The one
 * with CUDA also runs without a GPU. Undefined where none is set up.
 */
export function variantSetUp(root: string, tfjs: string, driver = hasNvidiaDriver()): TensorflowVariant | undefined {
  const order: readonly TensorflowVariant[] = driver ? ["cuda", "cpu"] : ["cpu", "cuda"];
  return order.find((variant) => existsSync(bindingFile(variantFolder(root, variant), tfjs)));
}

/** Whether NVIDIA's kernel driver is loaded: its own files, or those of Windows' subsystem for Linux. */
export function hasNvidiaDriver(): boolean {
  return ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"].some((path) => existsSync(path));
}

/** Bytes that a folder's files take, from the record that setting up leaves in it; 0 where there is none. */
export function recordedBytes(folder: string): number {
  try {
    return (JSON.parse(readFileSync(join(folder, "contents.json"), "utf8")) as { bytes?: number }).bytes ?? 0;
  } catch {
    return 0;
  }
}
