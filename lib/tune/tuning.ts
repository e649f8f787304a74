// One training in its folder: steps, log, checkpoints, and at the end the adapter.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { loadAddon } from "../addon/load.js";
import { RetemperError } from "../errors.js";
import { writeWhole } from "../files/writeWhole.js";
import { Speed } from "../progress/speed.js";
import type { Term } from "./adapter/terms.js";
import { writeAdapter } from "./output/adapterFolder.js";
import { checkpointFolder, type History, loadCheckpoint, saveCheckpoint } from "./output/checkpoints.js";
import { TrainingLog } from "./output/trainingLog.js";
import type { TuneSettings } from "./settings.js";
import { Stopped, type Trainer } from "./training/trainer.js";
import type { TuneProgress, TuneStep } from "./types.js";

export interface TuningHost {
  /** Whether the training is to save and stop. */
  readonly isStopped: () => boolean;
  readonly onProgress: (progress: TuneProgress) => void;
}

export interface TuningParts extends TuningHost {
  /** What is written to. */
  readonly folder: string;
  /** The adapter's configuration. */
  readonly config: object;
  readonly settings: TuneSettings;
  readonly terms: readonly Term[];
  readonly trainer: Trainer;
}

export class Tuning {
  private readonly parts: TuningParts;
  private history: History = { steps: [], validation: [] };
  /** The step of the last checkpoint. */
  private saved = 0;
  /** Steps, with validations and checkpoints, and until when they are measured. */
  private readonly speed = new Speed();
  private measured = 0;

  constructor(parts: TuningParts) {
    this.parts = parts;
  }

  /**
   * Trains to the end.
   * @param goesOn from the folder's last checkpoint
   */
  async run(goesOn: boolean): Promise<History> {
    const { folder, config, terms, trainer, isStopped } = this.parts;
    if (goesOn) await this.load();
    const log = await TrainingLog.open(join(folder, "log.ndjson"), trainer.done);
    try {
      // the run before may have been stopped while it validated
      const last = this.history.steps.at(-1);
      if (last && this.isValidated() && this.history.validation.at(-1)?.step !== trainer.done) {
        await this.conclude(last, 0, log);
      }
      this.measured = performance.now();
      while (trainer.done < trainer.last) {
        if (isStopped()) throw new Stopped();
        await this.step(log);
      }
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      if (this.history.steps.length > this.saved) await this.save();
      throw cancelled(folder, this.history.steps.length);
    } finally {
      await log.close();
    }
    const { lossPlot } = await import("./output/lossPlot.js"); // it brings a DOM along
    await writeWhole(join(folder, "loss.svg"), lossPlot(this.history));
    await writeAdapter(folder, config, terms);
    return this.history;
  }

  private async step(log: TrainingLog): Promise<void> {
    const { folder, trainer } = this.parts;
    const { history } = this;
    const begun = performance.now();
    const step = trainer.step();
    if (trainer.done === history.steps.length) throw diverged(step, history.steps, this.saved, folder);
    history.steps.push(step);
    await this.conclude(step, step.tokens / ((performance.now() - begun) / 1000), log);
  }

  /** What follows a step that is done: validation and a checkpoint where they are due, log and progress. */
  private async conclude(step: TuneStep, tokensPerSecond: number, log: TrainingLog): Promise<void> {
    const { trainer, onProgress } = this.parts;
    let validationLoss: number | undefined;
    if (this.isValidated()) {
      validationLoss = trainer.validate();
      this.history.validation.push({ step: trainer.done, loss: validationLoss });
    }
    const progress = { ...step, done: trainer.done, total: trainer.last, validationLoss, tokensPerSecond };
    await log.write(progress);
    onProgress({ ...progress, secondsLeft: this.secondsLeft(tokensPerSecond > 0 ? 1 : 0) });
    if (this.isSaved()) await this.save();
  }

  private secondsLeft(steps: number): number | undefined {
    const { trainer } = this.parts;
    const now = performance.now();
    this.speed.add(steps, (now - this.measured) / 1000);
    this.measured = now;
    const { perSecond } = this.speed;
    return perSecond === undefined ? undefined : (trainer.last - trainer.done) / perSecond;
  }

  private isSaved(): boolean {
    const { settings, trainer } = this.parts;
    return trainer.done === trainer.last || (settings.saveSteps > 0 && trainer.done % settings.saveSteps === 0);
  }

  private isValidated(): boolean {
    const { trainer } = this.parts;
    return trainer.validates && (this.isSaved() || trainer.endsEpoch);
  }

  private async save(): Promise<void> {
    const { folder, config, terms, trainer } = this.parts;
    await saveCheckpoint(folder, config, terms, trainer.moments, this.history);
    this.saved = this.history.steps.length;
  }

  private async load(): Promise<void> {
    const { folder, terms, trainer } = this.parts;
    const history = await loadCheckpoint(folder, terms, trainer.moments, loadAddon());
    if (history) {
      this.history = history;
      this.saved = trainer.done = history.steps.length;
      trainer.refresh();
    }
    if (trainer.done >= trainer.last) return;
    // what an ended run said of itself is not true until this one ends; its checkpoint has the same adapter
    for (const name of ["adapter_config.json", "adapter_model.safetensors"]) {
      await rm(join(folder, name), { force: true });
    }
  }
}

export function cancelled(folder: string, step: number): RetemperError {
  return new RetemperError("CANCELLED", `The tuning was stopped after step ${step}.`, {
    hint: step > 0 ? `${checkpointFolder(folder, step)} is its adapter so far; --resume goes on from there` : undefined,
  });
}

/** Of the model or the rows while nothing has been changed yet; else of the training. */
function diverged({ loss }: TuneStep, steps: readonly TuneStep[], saved: number, folder: string): RetemperError {
  const kept = saved > 0 ? ` ${checkpointFolder(folder, saved)} is the last good checkpoint.` : "";
  const message = `The loss or its gradient is no number (${loss}) in step ${steps.length + 1}.${kept}`;
  if (steps.every(({ learningRate }) => learningRate === 0)) {
    return new RetemperError("BAD_INPUT", message, {
      hint: "nothing has been changed yet: look for what is wrong with the model's weights, or with the rows of this step",
    });
  }
  return new RetemperError("DIVERGED", message, {
    hint: "lower the learning rate, keep maxGradNorm above 0, or look for what is wrong with the rows of this step",
  });
}
