// Fine-tunes a model by LoRA, in a thread of its own: the caller's side.

import { SHARE_ENV, Worker } from "node:worker_threads";
import { obtain } from "../checkpoint/obtain.js";
import { RetemperError } from "../errors.js";
import { at, diedOf, fromWire } from "../threads/wireError.js";
import { settingsOf } from "./settings.js";
import type { FromTuning, TuneRequest } from "./thread/messages.js";
import type { TuneOptions, TuneReport, TuneRow } from "./types.js";

/**
 * Trains a LoRA adapter (Hu et al. 2021, arXiv:2106.09685) on a model whose weights stay as they are, step for step as PEFT
 * and transformers' Trainer do. `out` becomes a folder that PEFT, vLLM and `model+out` load, with checkpoints, a log
 * (log.ndjson) and a plot of the loss (loss.svg) beside the adapter. It computes in a thread of its own.
 *
 * When it is aborted it saves a checkpoint first; `resume` goes on from the last one, after any end.
 * @param data rows, or a file, folder or data set of them
 * @throws RetemperError USAGE for options that cannot be and modules that are not there; BAD_INPUT for a model or rows that
 * cannot be used (the line is named); DIVERGED for a loss that is no number; OUTPUT_EXISTS; NO_SPACE. Rejects with the signal's
 * reason when aborted, after `onStopped`.
 * @example
 * ```ts
 * import { tune } from "retemper";
 *
 * const rows = [
 *   { prompt: "How is the weather in Corran on Sunday?", response: "weather(town: Corran, day: Sunday)" },
 *   { prompt: "How is the weather in Oxley on Saturday?", response: "weather(town: Oxley, day: Saturday)" },
 * ];
 * const report = await tune("models/aligned", rows, "tuned", { rank: 4, alpha: 8, maxSteps: 2 });
 * console.log(report.steps.length, report.rows.train); // 2 2
 * // "models/aligned+tuned" is the fine-tuned model: merge(), openModel() and evaluate() take it
 * ```
 */
export async function tune(
  model: string,
  data: string | readonly TuneRow[],
  out: string,
  { signal, hub, onProgress, onStopped, ...options }: TuneOptions = {},
): Promise<TuneReport> {
  settingsOf(options);
  signal?.throwIfAborted();
  await obtain([{ path: model }], { signal, hub });
  const site = new Error();
  const stop = new SharedArrayBuffer(4);
  const halt = () => void Atomics.store(new Int32Array(stop), 0, 1);
  const request: TuneRequest = { model, data, out, options, stop };
  // TensorFlow reads its settings from the process's environment, which the thread therefore shares.
  const worker = new Worker(workerFile(), { workerData: request, name: "retemper tune", env: SHARE_ENV });
  signal?.addEventListener("abort", halt, { once: true });
  let failure: unknown; // of the caller's onProgress: it ends the training, which saves first
  try {
    return await new Promise<TuneReport>((resolve, reject) => {
      worker.on("message", (message: FromTuning) => {
        if (message.type === "done") resolve(message.report);
        if (message.type === "failed") reject(fromWire(message.error, site));
        if (message.type !== "progress" || failure !== undefined) return;
        try {
          onProgress?.(message.progress);
        } catch (error) {
          failure = error;
          halt();
        }
      });
      const died = (error: unknown) => reject(at(site, diedOf(error, "training", "go on with --resume")));
      worker.on("error", died);
      worker.on("exit", (status) => died(new Error(`it exited with status ${status}`)));
    });
  } catch (error) {
    if (!(error instanceof RetemperError) || error.code !== "CANCELLED") throw error;
    if (failure !== undefined) throw failure;
    onStopped?.(error);
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", halt);
    await worker.terminate();
  }
}

/** As `generate`'s: a runner of the TypeScript sources takes the compiled program. */
function workerFile(): URL {
  const compiled = import.meta.url.endsWith(".ts") ? "../../dist/tune/thread/main.js" : "./thread/main.js";
  return new URL(compiled, import.meta.url);
}
