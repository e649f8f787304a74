// How far a run is: for whoever runs it, and in status.json for whoever watches its folder.

import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EvaluateProgress } from "../../evaluate/run/progress.js";
import { type ExperimentStatus, STATUS_FILE } from "../../report/status.js";
import type { Measured, MeasuredCandidate } from "../../report/types.js";
import { withoutItems } from "../../select/withoutItems.js";

export interface RunProgress {
  readonly step: string;
  /** Of the step: answers, verdicts or steps of a tuning. */
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/** Milliseconds between two writings of the status. */
const PAUSE = 500;

export class Progress {
  readonly #out: string;
  readonly #onProgress: ((progress: RunProgress) => void) | undefined;
  #status: ExperimentStatus;
  #written = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    out: string,
    about: Pick<ExperimentStatus, "name" | "labels" | "better">,
    onProgress: ((progress: RunProgress) => void) | undefined,
  ) {
    this.#out = out;
    this.#onProgress = onProgress;
    this.#status = { ...about, state: "running", steps: [], measured: {}, candidates: [] };
  }

  step(step: string, done: boolean): void {
    const { current: _, steps, ...rest } = this.#status;
    this.#status = done
      ? { ...rest, steps: [...steps, step] }
      : { ...rest, steps, current: { step, what: "", done: 0, total: 0 } };
    this.#write(true);
  }

  tell(what: string, done: number, total: number): void {
    const { current } = this.#status;
    if (!current) return;
    const progress = { step: current.step, what, done, total };
    this.#status = { ...this.#status, current: progress };
    this.#onProgress?.(progress);
    this.#write(false);
  }

  /** Of an evaluation. */
  readonly evaluating = ({ phase, task, scorer, done, total }: EvaluateProgress): void => {
    this.tell(phase === "answers" ? `answers, ${task}` : `${scorer ?? "scores"}, ${task}`, done, total);
  };

  measured(role: "aligned" | "tuned", measured: Measured): void {
    this.#status = { ...this.#status, measured: { ...this.#status.measured, [role]: measured } };
    this.#write(true);
  }

  candidates(candidates: readonly MeasuredCandidate[]): void {
    this.#status = { ...this.#status, candidates: [...this.#status.candidates, ...candidates] };
    this.#write(true);
  }

  /** The last word; waits until it is written. */
  async end(state: ExperimentStatus["state"], message?: string): Promise<void> {
    const { current: _, ...rest } = this.#status;
    this.#status = { ...rest, state, ...(message !== undefined && { message }) };
    this.#write(true);
    await this.#writing;
  }

  /** A status that cannot be written holds nothing up. */
  #write(now: boolean): void {
    const time = performance.now();
    if (!now && time - this.#written < PAUSE) return;
    this.#written = time;
    const text = JSON.stringify(withoutItems(this.#status));
    const file = join(this.#out, STATUS_FILE);
    this.#writing = this.#writing
      .then(() => writeFile(`${file}.part`, text))
      .then(() => rename(`${file}.part`, file))
      .catch(() => undefined);
  }
}
