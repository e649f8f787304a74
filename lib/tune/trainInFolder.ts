// The computing part of a tuning: engine, terms, operations and trainer are brought together, run, and given back.

import { join } from "node:path";
import type { Addon } from "../addon/surface.js";
import { readTensors } from "../checkpoint/tensorFile.js";
import type { EngineFacts } from "../generate/types.js";
import type { chooseEngine } from "../nn/engines/chooseEngine.js";
import { widen } from "../nn/engines/reference/widen.js";
import { weightsOf } from "../nn/engines/runningEngine.js";
import { startEngine } from "../nn/engines/startEngine.js";
import { useBackend } from "../nn/ops/useBackend.js";
import { AdaptedRuntime } from "./adapter/adaptedRuntime.js";
import type { LinearModule } from "./adapter/modules.js";
import { rowNorms } from "./adapter/rowNorms.js";
import { makeTerms, parametersOf } from "./adapter/terms.js";
import type { TrainingRows } from "./data/trainingRows.js";
import { adapterConfig } from "./output/adapterFolder.js";
import type { History } from "./output/checkpoints.js";
import { RECORD } from "./output/place.js";
import { keepRecord, tuningRecord } from "./output/tuningRecord.js";
import type { TuneRequest } from "./thread/messages.js";
import { keepsActivations, mostRows } from "./training/activationMemory.js";
import { noGradients } from "./training/gradients.js";
import { openOperations } from "./training/openOperations.js";
import { Stopped, Trainer } from "./training/trainer.js";
import type { TunedModel } from "./tunedModel.js";
import { Tuning, type TuningHost } from "./tuning.js";

export interface TrainingParts {
  readonly request: TuneRequest;
  readonly model: TunedModel;
  readonly rows: TrainingRows;
  readonly engine: ReturnType<typeof chooseEngine>["engine"];
  readonly addon: Addon;
}

export interface TrainingResult {
  readonly history: History;
  /** How many numbers were learned. */
  readonly parameters: number;
  readonly engine: EngineFacts;
}

/** Trains in a folder to the end, and leaves the adapter, its checkpoints, the log and the plot there. */
export async function trainInFolder(
  folder: string,
  { request, model, rows, engine: name, addon }: TrainingParts,
  { isStopped, onProgress }: TuningHost,
): Promise<TrainingResult> {
  const { options } = request;
  const { checkpoint, spec, settings, selection } = model;
  const checkStop = () => {
    if (isStopped()) throw new Stopped();
  };
  const norms = (module: LinearModule) => rowNorms(module, checkpoint.files, addon);
  /** What gives back what was opened, last first. */
  const closing: (() => void)[] = [];
  try {
    const { threads, requireGpu } = options;
    const engine = await startEngine(name, checkpoint, weightsOf(spec), {
      ...{ threads, requireGpu },
      precision: settings.precision,
    });
    closing.unshift(() => engine.runtime.dispose());
    useBackend(engine.backend);
    const terms = makeTerms(selection.modules, settings, norms, initialTensors(options.initFrom, addon));
    const dropout = { rate: settings.dropout, seed: settings.seed };
    const runtime = new AdaptedRuntime(engine.runtime, terms, dropout, norms);
    const gradients = noGradients(terms);
    const operations = await openOperations(spec, runtime, engine, {
      ...{ gradients, norms, checkStop },
      mostRows: mostRows(rows.examples, settings.batchSize),
    });
    closing.unshift(
      () => operations.release(),
      () => runtime.dispose(),
    );
    const trainer = new Trainer({
      ...{ layers: spec.layers.length, operations, runtime, terms, gradients },
      ...{ settings, train: rows.train, validation: rows.validation, checkStop },
      keepsActivations: keepsActivations(spec, options.keepActivations),
    });
    const record = tuningRecord({
      ...{ model: request.model, settings, initFrom: options.initFrom },
      ...{ examples: rows.examples, checkpoint, engine: engine.facts },
    });
    const goesOn = await keepRecord(join(folder, RECORD), record);
    const config = adapterConfig(request.model, selection, settings);
    const tuning = new Tuning({ folder, config, settings, terms, trainer, isStopped, onProgress });
    return {
      history: await tuning.run(goesOn),
      parameters: terms.flatMap(parametersOf).reduce((sum, { values }) => sum + values.length, 0),
      engine: engine.facts,
    };
  } finally {
    for (const close of closing) close();
  }
}

function initialTensors(initFrom: string | undefined, addon: Addon) {
  if (initFrom === undefined) return undefined;
  const file = initFrom.endsWith(".safetensors") ? initFrom : join(initFrom, "adapter_model.safetensors");
  return { file, tensors: readTensors(file, addon, widen) };
}
