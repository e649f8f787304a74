// A thin adapter over cli-progress: one bar of bytes with rate and time left, drawn on stderr; and the same as a line of a log.

import { Presets, SingleBar } from "cli-progress";
import { formatBytes, formatDuration, formatRate } from "./quantities.js";
import { safeLine } from "./terminalText.js";

/** What the library reports while it works; MergeProgress is one. */
export interface ByteProgress {
  readonly phase: string;
  /** Bytes of the phase that are done, and in all; 0 of 0 where there is no measure. */
  readonly done: number;
  readonly total: number;
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | undefined;
  /** Of what is not measured in bytes: what is done of all, and how fast. */
  readonly amount?: string | undefined;
  readonly rate?: string | undefined;
  /** What programs get beside phase, done and total, in the place of the words above. */
  readonly facts?: object | undefined;
}

/** Draws from the first update with a measure on; one phase after the other. */
export class ProgressBar {
  readonly #bar: SingleBar;
  #phase: string | undefined;

  constructor(stream: NodeJS.WritableStream) {
    this.#bar = new SingleBar(
      {
        format: "{phase} {bar} {percentage}% {amount} {rate} {left}",
        stream,
        barsize: 24,
        fps: 8,
        hideCursor: true,
        clearOnComplete: true,
      },
      Presets.shades_classic,
    );
  }

  update(progress: ByteProgress): void {
    if (progress.phase !== this.#phase) this.stop();
    if (progress.total === 0) return;
    if (this.#phase !== undefined) {
      this.#bar.update(progress.done, payload(progress));
      return;
    }
    this.#phase = progress.phase;
    this.#bar.start(progress.total, progress.done, payload(progress));
  }

  /** Clears the bar and gives the cursor back; safe to call twice. */
  stop(): void {
    if (this.#phase === undefined) return;
    this.#bar.stop();
    this.#phase = undefined;
  }
}

/** The same as a line of a log. */
export function progressLine(progress: ByteProgress): string {
  const { phase, amount, rate, left } = payload(progress);
  const percent = `${Math.floor((100 * progress.done) / progress.total)} %`;
  return `${phase}: ${[percent, amount, rate, left].filter((part) => part !== "").join(", ")}`;
}

function payload({ phase, done, total, bytesPerSecond, secondsLeft, amount, rate }: ByteProgress) {
  return {
    phase: safeLine(phase),
    amount: amount ?? `${formatBytes(done)} / ${formatBytes(total)}`,
    rate: rate ?? formatRate(bytesPerSecond),
    left: secondsLeft === undefined ? "" : `${formatDuration(secondsLeft)} left`,
  };
}
