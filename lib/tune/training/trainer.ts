// The loop of a training: which rows in which step, gradients, clipping, optimiser. It knows no file.

import { type Parameter, parametersOf } from "../adapter/terms.js";
import { epochSteps, stepsOfEpoch } from "../data/batches.js";
import { answerTokens, batchOf, type Example } from "../data/example.js";
import type { TuneSettings } from "../settings.js";
import type { TuneStep } from "../types.js";
import { clipFactor, type Moments, noMoments, type Optimizer } from "./adamW.js";
import { addGradients, lossOf, type Trained } from "./gradients.js";
import { rateAt, warmupSteps } from "./schedule.js";

export interface TrainerParts extends Trained {
  readonly settings: TuneSettings;
  readonly train: readonly Example[];
  readonly validation: readonly Example[];
  /** Whether the activations of all layers of so many rows may be in memory at once. */
  readonly keepsActivations: (rows: number) => boolean;
  /** Throws `Stopped` when the training is to stop. */
  readonly checkStop: () => void;
}

/** Ends a step whose results nobody wants any more; parameters are those of the step before. */
export class Stopped extends Error {}

export class Trainer {
  /** Steps of the whole schedule, and those that are done in this training. */
  readonly total: number;
  readonly last: number;
  /** Steps that are done. */
  done = 0;
  readonly moments: ReadonlyMap<string, Moments>;
  private readonly parts: TrainerParts;
  private readonly optimizer: Optimizer;
  private readonly perEpoch: number;
  private readonly lengths: readonly number[];
  private epoch: { readonly index: number; readonly steps: number[][][] } | undefined;

  constructor(parts: TrainerParts) {
    const { settings, train, terms, gradients, operations } = parts;
    this.parts = parts;
    this.perEpoch = stepsOfEpoch(train.length, settings);
    this.total = settings.maxSteps ?? this.perEpoch * settings.epochs;
    this.last = Math.min(this.total, settings.stopAfter ?? this.total);
    this.lengths = train.map(({ ids }) => ids.length);
    const parameters = terms.flatMap(parametersOf);
    this.moments = new Map(parameters.map(({ key, values }) => [key, noMoments(values.length)]));
    const optimized = (parameter: Parameter) => ({
      values: parameter.values,
      gradient: gradients.get(parameter) as Float32Array,
      moments: this.moments.get(parameter.key) as Moments,
    });
    this.optimizer = operations.optimizer(parameters.map(optimized), settings);
  }

  /** One step. A loss or gradient that is no number changes nothing. */
  step(): TuneStep {
    const { settings, runtime, train, keepsActivations, checkStop } = this.parts;
    const batches = this.batchesOf(this.done).map((rows) => rows.map((row) => train[row] as Example));
    const answers = batches.flat().reduce((sum, example) => sum + answerTokens(example), 0);
    this.optimizer.clear();
    let total = 0;
    let tokens = 0;
    for (const [i, examples] of batches.entries()) {
      checkStop();
      runtime.begin(this.done * settings.accumulate + i);
      const batch = batchOf(examples);
      tokens += batch.rows.ids.length;
      if (batch.wanted.length === 0) continue;
      const keepActivations = keepsActivations(batch.rows.ids.length);
      total += addGradients(this.parts, batch, { weight: 1 / answers, keepActivations });
    }
    const rate =
      settings.learningRate *
      rateAt(settings.schedule, this.done, warmupSteps(settings.warmupRatio, this.total), this.total);
    const gradNorm = this.optimizer.norm();
    const loss = total / answers;
    if (Number.isFinite(loss) && Number.isFinite(gradNorm)) {
      this.done += 1;
      this.optimizer.step({ step: this.done, rate, factor: clipFactor(gradNorm, settings.maxGradNorm) });
      this.refresh();
    }
    return { loss, gradNorm, learningRate: rate, tokens };
  }

  /** Whether the step that was done last is the last one of an epoch. */
  get endsEpoch(): boolean {
    return this.done % this.perEpoch === 0;
  }

  get validates(): boolean {
    return this.parts.validation.length > 0;
  }

  /** The mean loss over the held-out rows' answer tokens. */
  validate(): number {
    const { settings, runtime, validation, checkStop } = this.parts;
    let total = 0;
    let answers = 0;
    runtime.begin(undefined);
    for (let begin = 0; begin < validation.length; begin += settings.batchSize) {
      checkStop();
      const batch = batchOf(validation.slice(begin, begin + settings.batchSize));
      if (batch.wanted.length === 0) continue;
      total += lossOf(this.parts, batch);
      answers += batch.wanted.length;
    }
    return total / answers;
  }

  /** Takes up parameters that were changed. */
  refresh(): void {
    this.parts.runtime.refresh();
    this.parts.operations.refresh();
  }

  private batchesOf(step: number): number[][] {
    const index = Math.floor(step / this.perEpoch);
    if (this.epoch?.index !== index) {
      this.epoch = { index, steps: epochSteps(this.lengths, this.parts.settings, index) };
    }
    return this.epoch.steps[step % this.perEpoch] as number[][];
  }
}
