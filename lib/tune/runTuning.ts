// A training from its request to its report, on the thread that computes: what can be wrong is found before anything is
// written, then the training runs in a working folder, which becomes the output.

import { resolve } from "node:path";
import { loadAddon } from "../addon/load.js";
import { RetemperError } from "../errors.js";
import { chooseEngine } from "../nn/engines/chooseEngine.js";
import { readTrainingRows } from "./data/trainingRows.js";
import { checkpointFolder, checkpointSteps } from "./output/checkpoints.js";
import { checkTuning } from "./output/place.js";
import { openWorkplace } from "./output/workplace.js";
import type { TuneRequest } from "./thread/messages.js";
import { trainInFolder } from "./trainInFolder.js";
import { Stopped } from "./training/trainer.js";
import { openTunedModel } from "./tunedModel.js";
import { cancelled, type TuningHost } from "./tuning.js";
import type { TuneReport } from "./types.js";

/** @throws as `tune` says */
export async function runTuning(request: TuneRequest, host: TuningHost): Promise<TuneReport> {
  const started = performance.now();
  const { data, options } = request;
  const addon = loadAddon();
  const model = await openTunedModel(request.model, options, addon);
  const out = resolve(request.out);
  const inputs = inputsOf(request, model.folder);
  await checkTuning(out, inputs, options);
  const rows = await readTrainingRows(data, model);
  const { threads, requireGpu } = options;
  const { engine } = chooseEngine({ engine: options.engine ?? "auto", threads, requireGpu });

  const workplace = await openWorkplace(out, inputs, options);
  try {
    const trained = await trainInFolder(workplace.folder, { request, model, rows, engine, addon }, host);
    await workplace.publish();
    const steps = await checkpointSteps(out);
    return {
      steps: trained.history.steps,
      adapter: out,
      checkpoints: steps.map((step) => checkpointFolder(out, step)),
      validation: trained.history.validation,
      rows: { train: rows.train.length, validation: rows.validation.length, cut: rows.cut, dropped: rows.dropped },
      parameters: trained.parameters,
      seconds: (performance.now() - started) / 1000,
      engine: `${trained.engine.engine} (${trained.engine.device})`,
    };
  } catch (error) {
    throw error instanceof Stopped ? cancelled(out, 0) : withWayOn(error);
  } finally {
    await workplace.close();
  }
}

/** What the training reads, which its output may not replace. */
function inputsOf({ data, options: { initFrom } }: TuneRequest, folder: string): { readonly path: string }[] {
  const local = typeof data === "string" && !data.startsWith("hf://") ? [data] : [];
  return [folder, ...(initFrom === undefined ? [] : [initFrom]), ...local].map((path) => ({ path }));
}

/** A full disk's error with what a tuning can do about it: starting it again would be refused, going on is not. */
function withWayOn(error: unknown): unknown {
  if (!(error instanceof RetemperError) || error.code !== "NO_SPACE") return error;
  const [room = "free some space"] = error.hint?.split("; ") ?? [];
  const hint = `${room}; then go on with --resume: the last checkpoint is kept`;
  return error.retold(error.message, { hint });
}
