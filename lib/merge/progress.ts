// Turns bytes done into progress reports: phases in their order, speed and time left.

import type { MergePhase, MergeProgress } from "./options.js";

export class ProgressReporter {
  readonly #listener: ((progress: MergeProgress) => void) | undefined;
  #phase: MergePhase = "open";
  #started = 0;

  constructor(listener: ((progress: MergeProgress) => void) | undefined) {
    this.#listener = listener;
  }

  /** Starts a phase. An error of the listener ends the merge with that error. */
  start(phase: MergePhase, total = 0): void {
    this.#phase = phase;
    this.#started = performance.now();
    this.update({ done: 0, total });
  }

  /** Reports the present phase; bound, so that it can be passed as a function. */
  readonly update = ({ done, total }: { readonly done: number; readonly total: number }): void => {
    const seconds = (performance.now() - this.#started) / 1000;
    const bytesPerSecond = done > 0 && seconds > 0 ? done / seconds : 0;
    const secondsLeft = bytesPerSecond > 0 ? Math.max(0, total - done) / bytesPerSecond : undefined;
    this.#listener?.({ phase: this.#phase, done, total, bytesPerSecond, secondsLeft });
  };
}
