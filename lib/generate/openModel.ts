// Opens a model in a thread of its own, so that the caller's event loop stays free while it computes.

import { locate } from "../checkpoint/locate.js";
import { RetemperError } from "../errors.js";
import { openTokenizer } from "../tokenizer/openTokenizer.js";
import type { Model, ModelOptions } from "./types.js";
import { ModelThread } from "./worker/modelThread.js";
import { ThreadModel } from "./worker/threadModel.js";

/**
 * Opens the model of a folder, or of the hub's local cache by its id.
 *
 * It runs in a thread of its own. An idle model does not hold the process: a program whose other work is done ends, with or
 * without `close`.
 * @throws RetemperError USAGE for wrong options; BAD_INPUT for a model that does not exist, is broken, of an unknown family,
 * lacks tensors or has no tokenizer.json; DEVICE for a GPU that is required and not there, or a TensorFlow that is not set
 * up; OUT_OF_MEMORY for a model that does not fit. Rejects with `signal.reason` when aborted.
 */
export async function openModel(source: string, options: ModelOptions = {}): Promise<Model> {
  const { signal, ...others } = options;
  signal?.throwIfAborted();
  checkOptions(source, others);
  const folder = await locate({ path: source });
  // The thread has a tokenizer of its own, for prompts and for text on the way; this one is the caller's.
  const tokenizer = await openTokenizer(folder);
  const thread = await ModelThread.open({ source, folder, options: others }, signal);
  return new ThreadModel(thread, tokenizer);
}

/** What the thread's own checks would find too late or not at all. */
function checkOptions(source: unknown, { precision, threads, maxMemory, lambdas, fidelity }: ModelOptions): void {
  if (typeof source !== "string" || source === "")
    throw new RetemperError("USAGE", "openModel takes a model's folder or id");
  if (precision !== undefined && precision !== "float32" && precision !== "bfloat16") {
    throw new RetemperError("USAGE", `precision must be float32 or bfloat16, not ${String(precision)}`);
  }
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
    throw new RetemperError("USAGE", `threads must be a whole number of at least 1, not ${String(threads)}`);
  }
  if (maxMemory !== undefined && !(Number.isFinite(maxMemory) && maxMemory > 0)) {
    throw new RetemperError("USAGE", `maxMemory must be a number of bytes, not ${String(maxMemory)}`);
  }
  if (lambdas !== undefined || fidelity !== undefined) {
    throw new RetemperError("USAGE", "lambdas and fidelity are of recipes, and this is a model");
  }
}
