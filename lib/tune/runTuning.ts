// A training from its request to its report, on the thread that computes: what can be wrong is found before anything is
// written, then engine, terms, trainer and outputs are brought together.

import { join, resolve } from "node:path";
import { loadAddon } from "../addon/load.js";
import { locate } from "../checkpoint/locate.js";
import { openCheckpoint } from "../checkpoint/open.js";
import { readTensors } from "../checkpoint/tensorFile.js";
import { RetemperError } from "../errors.js";
import { chooseEngine } from "../nn/engines/chooseEngine.js";
import { widen } from "../nn/engines/reference/widen.js";
import { weightsOf } from "../nn/engines/runningEngine.js";
import { startEngine } from "../nn/engines/startEngine.js";
import { decoderSpec } from "../nn/families/decoderSpec.js";
import { stopTokensOf } from "../nn/families/stopTokens.js";
import { availableMemory } from "../nn/memory/machineMemory.js";
import type { DecoderSpec } from "../nn/ops/specs.js";
import { useBackend } from "../nn/ops/useBackend.js";
import { AdaptedRuntime } from "./adapter/adaptedRuntime.js";
import { type LinearModule, linearModules, selectModules } from "./adapter/modules.js";
import { rowNorms } from "./adapter/rowNorms.js";
import { makeTerms, parametersOf } from "./adapter/terms.js";
import { holdOut } from "./data/batches.js";
import { encodeRows } from "./data/encodeRows.js";
import type { Example } from "./data/example.js";
import { adapterConfig } from "./output/adapterFolder.js";
import { checkpointFolder, checkpointSteps } from "./output/checkpoints.js";
import { checkTuning, RECORD } from "./output/place.js";
import { keepRecord, tuningRecord } from "./output/tuningRecord.js";
import { openWorkplace } from "./output/workplace.js";
import { settingsOf } from "./settings.js";
import type { TuneRequest } from "./thread/messages.js";
import { noGradients } from "./training/gradients.js";
import { Stopped, Trainer } from "./training/trainer.js";
import { trainingOperations } from "./training/trainingOperations.js";
import { cancelled, Tuning } from "./tuning.js";
import type { TuneProgress, TuneReport } from "./types.js";

export interface TuningHost {
  /** Whether the training is to save and stop. */
  readonly isStopped: () => boolean;
  readonly onProgress: (progress: TuneProgress) => void;
}

/** @throws as `tune` says */
export async function runTuning(
  { model, data, out, options }: TuneRequest,
  { isStopped, onProgress }: TuningHost,
): Promise<TuneReport> {
  const started = performance.now();
  const { threads, requireGpu, initFrom } = options;
  const folder = await locate({ path: model });
  const addon = loadAddon();
  const checkpoint = await openCheckpoint(model, { addon });
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const settings = settingsOf(options, spec.family);
  const selection = selectModules(linearModules(spec), settings.targetModules);
  const reads = [folder, ...(initFrom === undefined ? [] : [initFrom])];
  const local = typeof data === "string" && !data.startsWith("hf://") ? [data] : [];
  const place = resolve(out);
  const inputs = [...reads, ...local].map((path) => ({ path }));
  await checkTuning(place, inputs, options);
  const encoded = await encodeRows(data, folder, spec, settings);
  const { train, validation } = holdOut(encoded.examples, settings.validation, settings.seed);
  if (train.length === 0) throw new RetemperError("USAGE", "validation leaves no row to learn");
  const { engine: engineName } = chooseEngine({ engine: options.engine ?? "auto", threads, requireGpu });
  const checkStop = () => {
    if (isStopped()) throw new Stopped();
  };

  const workplace = await openWorkplace(place, inputs, options);
  try {
    const engine = await startEngine(engineName, checkpoint, weightsOf(spec), {
      ...{ threads, requireGpu },
      precision: settings.precision,
    });
    try {
      useBackend(engine.backend);
      const norms = (module: LinearModule) => rowNorms(module, checkpoint.files, addon);
      const terms = makeTerms(selection.modules, settings, norms, initialTensors(initFrom));
      const runtime = new AdaptedRuntime(engine.runtime, terms, { rate: settings.dropout, seed: settings.seed }, norms);
      const gradients = noGradients(terms);
      const operations = await trainingOperations(spec, runtime, engine, {
        ...{ gradients, norms, checkStop },
        mostRows: mostRows(encoded.examples, settings.batchSize),
      });
      try {
        const trainer = new Trainer({
          ...{
            settings,
            layers: spec.layers.length,
            terms,
            runtime,
            operations,
            gradients,
            train,
            validation,
            checkStop,
          },
          keepsActivations: keepsActivations(spec, options.keepActivations),
        });
        const { examples } = encoded;
        const record = tuningRecord({ model, settings, initFrom, examples, checkpoint, engine: engine.facts });
        const goesOn = await keepRecord(join(workplace.folder, RECORD), record);
        const config = adapterConfig(model, selection, settings);
        const tuning = new Tuning({
          folder: workplace.folder,
          config,
          settings,
          terms,
          trainer,
          isStopped,
          onProgress,
        });
        const history = await tuning.run(goesOn);
        await workplace.publish();
        const steps = await checkpointSteps(place);
        return {
          steps: history.steps,
          adapter: place,
          checkpoints: steps.map((step) => checkpointFolder(place, step)),
          validation: history.validation,
          rows: { train: train.length, validation: validation.length, cut: encoded.cut, dropped: encoded.dropped },
          parameters: terms.flatMap(parametersOf).reduce((sum, { values }) => sum + values.length, 0),
          seconds: (performance.now() - started) / 1000,
          engine: `${engine.facts.engine} (${engine.facts.device})`,
        };
      } finally {
        operations.release();
        runtime.dispose();
      }
    } finally {
      engine.runtime.dispose();
    }
  } catch (error) {
    throw error instanceof Stopped ? cancelled(place, 0) : withWayOn(error);
  } finally {
    await workplace.close();
  }
}

/** A full disk's error with what a tuning can do about it: starting it again would be refused, going on is not. */
function withWayOn(error: unknown): unknown {
  if (!(error instanceof RetemperError) || error.code !== "NO_SPACE") return error;
  const [room = "free some space"] = error.hint?.split("; ") ?? [];
  const hint = `${room}; then go on with --resume: the last checkpoint is kept`;
  return error.retold(error.message, { hint });
}

/** Rows of the largest micro-batch that there could be. */
function mostRows(examples: readonly Example[], batchSize: number): number {
  const lengths = examples.map(({ ids }) => ids.length).sort((a, b) => b - a);
  return lengths.slice(0, batchSize).reduce((sum, length) => sum + length, 0);
}

/** Share of the free memory that activations of all layers may take so that no layer is computed twice. */
const KEPT_SHARE = 0.2;

/** Whether the activations of all layers of so many rows may be in memory at once. */
function keepsActivations({ layers }: DecoderSpec, asked: boolean | undefined): (rows: number) => boolean {
  // of one row in all layers, about: what the native kernels take over from the way forward
  const rowBytes = layers.reduce((sum, { project, output, mlp }) => {
    const projected = project.matrices.reduce((width, { out }) => width + out, 0);
    return sum + 4 * (projected + output.matrix.in + 3 * output.matrix.out + (mlp.gate ? 2 : 1) * mlp.up.out);
  }, 0);
  const most = KEPT_SHARE * availableMemory();
  return (rows) => asked ?? rows * rowBytes <= most;
}

function initialTensors(initFrom: string | undefined) {
  if (initFrom === undefined) return undefined;
  const file = initFrom.endsWith(".safetensors") ? initFrom : join(initFrom, "adapter_model.safetensors");
  return { file, tensors: readTensors(file, loadAddon(), widen) };
}
