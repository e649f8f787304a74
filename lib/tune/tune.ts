// Fine-tunes a model by LoRA: sequences data, engine, training and outputs.

import { createHash } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { loadAddon } from "../addon/load.js";
import { locate } from "../checkpoint/locate.js";
import { openCheckpoint } from "../checkpoint/open.js";
import { readTensors, writeWhole } from "../checkpoint/tensorFile.js";
import type { Checkpoint } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { widen } from "../generate/engines/reference/widen.js";
import { type RunningEngine, weightsOf } from "../generate/engines/runningEngine.js";
import { startEngine } from "../generate/engines/startEngine.js";
import { decoderSpec } from "../generate/families/decoderSpec.js";
import { stopTokensOf } from "../generate/families/stopTokens.js";
import { availableMemory } from "../generate/memory/machineMemory.js";
import type { DecoderSpec } from "../generate/ops/specs.js";
import { useBackend } from "../generate/ops/useBackend.js";
import { chooseEngine } from "../generate/worker/chooseEngine.js";
import { openTokenizer } from "../tokenizer/openTokenizer.js";
import { AdaptedRuntime } from "./adapter/adaptedRuntime.js";
import { linearModules, type Selection, selectModules } from "./adapter/modules.js";
import { rowNorms } from "./adapter/rowNorms.js";
import { makeTerms, parametersOf } from "./adapter/terms.js";
import { holdOut } from "./data/batches.js";
import { type Encoded, encodeSamples } from "./data/encodeSamples.js";
import { readSamples } from "./data/readRows.js";
import { adapterConfig, writeAdapter } from "./output/adapterFolder.js";
import {
  checkpointFolder,
  checkpointSteps,
  type History,
  loadCheckpoint,
  saveCheckpoint,
} from "./output/checkpoints.js";
import { checkPlace, clearPlace, RECORD } from "./output/place.js";
import { TrainingLog } from "./output/trainingLog.js";
import { type Settings, settingsOf } from "./settings.js";
import { Trainer } from "./training/trainer.js";
import { trainingOperations } from "./training/trainingOperations.js";
import type { TuneOptions, TuneReport, TuneRow } from "./types.js";

/**
 * Trains a LoRA adapter (Hu et al. 2021, arXiv:2106.09685) on a model whose weights stay as they are, step for step as PEFT
 * and transformers' Trainer do. `out` becomes a folder that PEFT, vLLM and `model+out` load, with checkpoints, a log
 * (log.ndjson) and a plot of the loss (loss.svg) beside the adapter.
 *
 * When it is aborted it saves a checkpoint first; `resume` goes on from the last one, after any end.
 * @param data rows, or a file, folder or data set of them
 * @throws RetemperError USAGE for options that cannot be and modules that are not there; BAD_INPUT for a model or rows that
 * cannot be used (the line is named), and for a loss that is no number; OUTPUT_EXISTS; NO_SPACE; CANCELLED when aborted
 */
export async function tune(
  model: string,
  data: string | readonly TuneRow[],
  out: string,
  options: TuneOptions = {},
): Promise<TuneReport> {
  const settings = settingsOf(options);
  const { threads, requireGpu } = options;
  options.signal?.throwIfAborted();
  const folder = await locate({ path: model });
  const addon = loadAddon();
  const checkpoint = await openCheckpoint(model, { addon });
  const spec = decoderSpec(checkpoint, await stopTokensOf(checkpoint));
  const selection = selectModules(linearModules(spec), settings.targetModules);
  const reads = [folder, ...(options.initFrom === undefined ? [] : [options.initFrom])];
  const local = typeof data === "string" && !data.startsWith("hf://") ? [data] : [];
  const place = resolve(out);
  await checkPlace(place, [...reads, ...local], options);
  const encoded = await encodedRows(data, folder, spec, settings);
  const { engine: engineName } = chooseEngine({ engine: options.engine ?? "auto", threads, requireGpu });

  await mkdir(dirname(place), { recursive: true });
  const lockFile = join(dirname(place), `.${basename(place)}.tuning-lock`);
  const lock = addon.lockFile(lockFile);
  if (!lock) throw new RetemperError("OUTPUT_EXISTS", `another run writes the output ${place}`, { file: place });
  try {
    await checkPlace(place, reads, options);
    const engine = await startEngine(engineName, checkpoint, weightsOf(spec), { threads, requireGpu });
    try {
      return await new Tuning({ model, place, options, settings, checkpoint, spec, selection, encoded, engine }).run();
    } finally {
      engine.runtime.dispose();
    }
  } finally {
    lock.release();
  }
}

async function encodedRows(
  data: string | readonly TuneRow[],
  folder: string,
  spec: DecoderSpec,
  { system, cutoff }: Settings,
): Promise<Encoded> {
  const samples = await readSamples(data, system);
  const hasText = samples.some(({ kind }) => kind === "messages");
  const tokenizer = hasText ? await openTokenizer(folder) : undefined;
  const longest = Math.min(cutoff, spec.maxPositions);
  return encodeSamples(samples, {
    tokenizer,
    stopTokens: spec.stopTokens,
    vocabulary: spec.vocabulary,
    cutoff: longest,
  });
}

/** Share of the free memory that activations of all layers may take so that no layer is computed twice. */
const KEPT_SHARE = 0.2;

/** Of one row in all layers, about: what the native kernels take over from the way forward. */
function activationBytes({ layers }: DecoderSpec): number {
  return layers.reduce((sum, { project, output, mlp }) => {
    const projected = project.matrices.reduce((width, { out }) => width + out, 0);
    return sum + 4 * (projected + output.matrix.in + 3 * output.matrix.out + (mlp.gate ? 2 : 1) * mlp.up.out);
  }, 0);
}

interface TuningParts {
  readonly model: string;
  readonly place: string;
  readonly options: TuneOptions;
  readonly settings: Settings;
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly selection: Selection;
  readonly encoded: Encoded;
  readonly engine: RunningEngine;
}

/** One training, from the open engine to the finished folder. */
class Tuning {
  private readonly parts: TuningParts;
  private readonly started = performance.now();

  constructor(parts: TuningParts) {
    this.parts = parts;
  }

  async run(): Promise<TuneReport> {
    const { place, options, settings, checkpoint, spec, selection, encoded, engine } = this.parts;
    useBackend(engine.backend);
    const addon = loadAddon();
    const norms = (module: Selection["modules"][number]) => rowNorms(module, checkpoint.files, addon);
    const terms = makeTerms(selection.modules, settings, norms, await this.initial());
    const runtime = new AdaptedRuntime(engine.runtime, terms, { rate: settings.dropout, seed: settings.seed }, norms);
    const { train, validation } = holdOut(encoded.examples, settings.validation, settings.seed);
    if (train.length === 0) throw new RetemperError("USAGE", "validation leaves no row to learn");
    const operations = await trainingOperations(spec, runtime, engine);
    const config = adapterConfig(this.parts.model, selection, settings);
    const { signal, keepActivations } = options;
    const rowBytes = activationBytes(spec);
    const most = KEPT_SHARE * availableMemory();
    const keepsActivations = (rows: number) => keepActivations ?? rows * rowBytes <= most;
    const breathe = async () => {
      await setImmediate();
      useBackend(engine.backend);
    };
    const trainer = new Trainer({
      ...{ settings, layers: spec.layers.length, terms, runtime, operations },
      ...{ train, validation, keepsActivations, breathe },
    });
    try {
      const record = this.record();
      const history = await this.begin(record, trainer, terms);
      const log = await TrainingLog.open(join(place, "log.ndjson"), history.steps.length);
      const save = () => saveCheckpoint(place, config, terms, trainer.moments, history);
      let saved = history.steps.length;
      try {
        while (trainer.done < trainer.last) {
          if (signal?.aborted) {
            if (history.steps.length > saved) await save();
            throw cancelled(place, history.steps.length, signal.reason);
          }
          const begun = performance.now();
          const step = await trainer.step();
          if (trainer.done === history.steps.length) throw diverged(history.steps.length + 1, step.loss, saved, place);
          history.steps.push(step);
          const ends = trainer.done === trainer.last;
          const isSaved = settings.saveSteps > 0 && trainer.done % settings.saveSteps === 0;
          const tokensPerSecond = step.tokens / ((performance.now() - begun) / 1000);
          let validationLoss: number | undefined;
          if (validation.length > 0 && (ends || isSaved || trainer.endsEpoch)) {
            validationLoss = await trainer.validate();
            history.validation.push({ step: trainer.done, loss: validationLoss });
          }
          const progress = { ...step, done: trainer.done, total: trainer.last, validationLoss, tokensPerSecond };
          await log.write(progress);
          options.onProgress?.(progress);
          if (isSaved || ends) {
            await save();
            saved = trainer.done;
          }
        }
        const { lossPlot } = await import("./output/lossPlot.js"); // it brings a DOM along
        await writeWhole(join(place, "loss.svg"), [lossPlot(history)]);
        await writeAdapter(place, config, terms);
      } finally {
        await log.close();
      }
      const steps = await checkpointSteps(place);
      return {
        steps: history.steps,
        adapter: place,
        checkpoints: steps.map((step) => checkpointFolder(place, step)),
        validation: history.validation,
        rows: { train: train.length, validation: validation.length, cut: encoded.cut, dropped: encoded.dropped },
        parameters: terms.flatMap(parametersOf).reduce((sum, { values }) => sum + values.length, 0),
        seconds: (performance.now() - this.started) / 1000,
        engine: `${engine.facts.engine} (${engine.facts.device})`,
      };
    } finally {
      operations.release();
      runtime.dispose();
    }
  }

  /** What must be the same for a run to go on: settings, rows, model and engine. */
  private record(): object {
    const { settings, encoded, checkpoint, engine, model, options } = this.parts;
    const digest = createHash("sha256");
    for (const { ids, learned } of encoded.examples) digest.update(JSON.stringify([ids, learned.map(Number)]));
    return {
      model,
      settings: { ...settings, stopAfter: undefined, saveSteps: undefined },
      initFrom: options.initFrom,
      rows: { count: encoded.examples.length, sha256: digest.digest("hex") },
      weights: checkpoint.files.map(({ path, size }) => ({ file: basename(path), size })),
      engine: { name: engine.facts.engine, device: engine.facts.device.replace(/, \d+ threads?$/, "") },
    };
  }

  private async begin(record: object, trainer: Trainer, terms: ReturnType<typeof makeTerms>): Promise<History> {
    const { place, options } = this.parts;
    const path = join(place, RECORD);
    const text = `${JSON.stringify(record, null, 2)}\n`;
    const before = options.resume ? await readFile(path, "utf8").catch(() => undefined) : undefined;
    if (before === undefined) {
      await clearPlace(place);
      await writeWhole(path, [text]);
      return { steps: [], validation: [] };
    }
    if (before !== text) {
      throw new RetemperError("USAGE", `the tuning was begun otherwise: ${differences(before, record)}`, {
        file: path,
        hint: "go on with the same model, rows and settings, or begin anew with --force",
      });
    }
    // what an ended run said of itself is not true until this one ends
    for (const name of ["adapter_config.json", "adapter_model.safetensors"])
      await rm(join(place, name), { force: true });
    const read = async (file: string) => JSON.parse(await readFile(file, "utf8")) as unknown;
    const history = await loadCheckpoint(place, terms, trainer.moments, loadAddon(), read);
    if (!history) return { steps: [], validation: [] };
    trainer.done = history.steps.length;
    return history;
  }

  private async initial() {
    const { initFrom } = this.parts.options;
    if (initFrom === undefined) return undefined;
    const file = initFrom.endsWith(".safetensors") ? initFrom : join(initFrom, "adapter_model.safetensors");
    return { file, tensors: readTensors(file, loadAddon(), widen) };
  }
}

function differences(before: string, record: object): string {
  const flat = (value: unknown, path: string): [string, string][] =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => flat(inner, path === "" ? key : `${path}.${key}`))
      : [[path, JSON.stringify(value) ?? "none"]];
  const was = new Map(flat(JSON.parse(before), ""));
  const is = new Map(flat(JSON.parse(JSON.stringify(record)), ""));
  const keys = [...new Set([...was.keys(), ...is.keys()])].filter((key) => was.get(key) !== is.get(key));
  return keys.map((key) => `${key} was ${was.get(key) ?? "none"}, is ${is.get(key) ?? "none"}`).join("; ");
}

function cancelled(place: string, step: number, reason: unknown): RetemperError {
  return new RetemperError("CANCELLED", `The tuning was stopped after step ${step}.`, {
    hint: step > 0 ? `${checkpointFolder(place, step)} is its adapter so far; --resume goes on from there` : undefined,
    cause: reason,
  });
}

function diverged(step: number, loss: number, saved: number, place: string): RetemperError {
  const kept = saved > 0 ? ` ${checkpointFolder(place, saved)} is the last good checkpoint.` : "";
  return new RetemperError("BAD_INPUT", `The loss or its gradient is no number (${loss}) in step ${step}.${kept}`, {
    hint: "lower the learning rate, keep maxGradNorm above 0, or look for what is wrong with the rows of this step",
  });
}
