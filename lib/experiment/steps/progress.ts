// How far a run is: for whoever runs it, and in status.json for whoever watches its folder.

import { join } from "node:path";
import type { EvaluateProgress } from "../../evaluate/run/progress.js";
import { writeShared } from "../../files/writeShared.js";
import { Speed } from "../../progress/speed.js";
import { type ExperimentStatus, STATUS_FILE } from "../../report/status.js";
import type { Measured, MeasuredCandidate } from "../../report/types.js";
import { withoutItems } from "../../select/withoutItems.js";
import { type DoneBy, type PlannedWork, TimeLeft } from "./timeLeft.js";

export interface RunProgress {
  readonly step: string;
  /** It is the k-th of n steps that are known. */
  readonly k: number;
  readonly n: number;
  /** Of the step: answers, verdicts or steps of a tuning. */
  readonly what: string;
  readonly done: number;
  readonly total: number;
  /** New tokens, or those that a tuning learns from; undefined where nothing is generated, and at first. */
  readonly tokensPerSecond?: number | undefined;
  /** Of the whole run, about; undefined until enough was measured. */
  readonly secondsLeft?: number | undefined;
  /** Of a tuning. */
  readonly loss?: number | undefined;
}

/** A step that this process has done. */
export interface EndedStep {
  readonly step: string;
  readonly k: number;
  readonly n: number;
  readonly seconds: number;
  /** New tokens, where the step tells them. */
  readonly tokens?: number | undefined;
  /** Of the whole run. */
  readonly secondsLeft?: number | undefined;
}

export interface ProgressListeners {
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
  readonly onStepEnd?: ((step: EndedStep) => void) | undefined;
}

/** Milliseconds between two writings of the status. */
const PAUSE = 500;
/** Of the speed in tokens that is shown: how many seconds it looks back, and when it is first told. */
const SHOWN = { memory: 20, first: 1 };

export class Progress {
  readonly #out: string | undefined;
  readonly #listeners: ProgressListeners;
  readonly #now: () => number;
  readonly #started: number;
  readonly #time = new TimeLeft();
  #status: ExperimentStatus;
  #tokens = new TokenSpeed();
  /** Of the evaluation in this step: tokens of the phases before this one, and of this one. */
  #evaluated = { phase: "", before: 0, tokens: 0 };
  #written = Number.NEGATIVE_INFINITY;
  #writing: Promise<void> = Promise.resolve();

  /**
   * @param out gets the status; undefined: nothing is written
   * @param now milliseconds since 1970, never backwards
   */
  constructor(
    out: string | undefined,
    about: Pick<ExperimentStatus, "name" | "labels" | "better" | "skills">,
    listeners: ProgressListeners = {},
    now: () => number = () => performance.timeOrigin + performance.now(),
  ) {
    this.#out = out;
    this.#listeners = listeners;
    this.#now = now;
    this.#started = now();
    const startedAt = new Date(this.#started).toISOString();
    this.#status = { ...about, state: "running", startedAt, steps: [], measured: {}, candidates: [] };
  }

  /** The steps that are known and those that will come; again when more are known, or what one costs. */
  planned(steps: readonly PlannedWork[]): void {
    this.#time.planned(steps);
  }

  /** About what comes after the steps that are known, in tokens; in the place of what was said of it before. */
  later(work: number, kind?: string): void {
    this.#time.later(work, kind);
  }

  begin(key: string, name: string): void {
    this.#time.begin(key, name, this.#now());
    this.#tokens = new TokenSpeed();
    this.#evaluated = { phase: "", before: 0, tokens: 0 };
    this.#status = {
      ...this.#status,
      step: { ...this.#time.place, name },
      current: { step: name, what: "", done: 0, total: 0 },
    };
    this.#write(true);
  }

  /** @param by "us" for a step that was begun, else "before" unless given */
  ended(key: string, by?: DoneBy): void {
    const name = this.#time.nameOf(key) ?? key;
    const ours = this.#time.isGoing(key);
    const took = this.#time.end(key, by ?? (ours ? "us" : "before"), this.#now());
    const { current, step, tokensPerSecond: _, ...rest } = this.#status;
    this.#status = { ...rest, steps: [...rest.steps, name], ...(!ours && { current, step }) };
    if (ours) {
      const { place, secondsLeft } = this.#time;
      this.#listeners.onStepEnd?.({ step: name, ...place, ...took, secondsLeft });
    }
    this.#write(true);
  }

  /**
   * What is done in the step that goes on.
   * @param tokens of the step so far, which its cost is counted in; without them done of total is its share
   * @param loss of a tuning
   */
  tell(what: string, done: number, total: number, tokens?: number, loss?: number): void {
    const { current } = this.#status;
    if (!current) return;
    const now = this.#now();
    this.#time.advance({ done, total, tokens }, now);
    this.#tokens.tell(tokens, now);
    const { secondsLeft } = this.#time;
    const { perSecond: tokensPerSecond } = this.#tokens;
    const progress = { step: current.step, what, done, total };
    this.#status = { ...this.#status, current: progress, tokensPerSecond };
    this.#listeners.onProgress?.({
      ...progress,
      ...this.#time.place,
      ...(tokensPerSecond !== undefined && { tokensPerSecond }),
      ...(secondsLeft !== undefined && { secondsLeft }),
      ...(loss !== undefined && { loss }),
    });
    this.#write(false);
  }

  /** Of an evaluation. */
  readonly evaluating = ({ phase, task, scorer, done, total, tokens }: EvaluateProgress): void => {
    const at = `${phase} ${task} ${scorer ?? ""}`;
    const { before, tokens: last } = this.#evaluated;
    if (at !== this.#evaluated.phase) this.#evaluated = { phase: at, before: before + last, tokens: 0 };
    this.#evaluated.tokens = tokens ?? 0;
    const all = tokens === undefined ? undefined : this.#evaluated.before + tokens;
    this.tell(phase === "answers" ? `answers, ${task}` : `${scorer ?? "scores"}, ${task}`, done, total, all);
  };

  measured(role: "aligned" | "tuned", measured: Measured): void {
    this.#status = { ...this.#status, measured: { ...this.#status.measured, [role]: measured } };
    this.#write(true);
  }

  candidates(candidates: readonly MeasuredCandidate[]): void {
    this.#status = { ...this.#status, candidates: [...this.#status.candidates, ...candidates] };
    this.#write(true);
  }

  /** Of a search: what it has found so far. */
  searched(search: NonNullable<ExperimentStatus["search"]>): void {
    this.#status = { ...this.#status, search };
    this.#write(true);
  }

  /** The last word of the run; waits until it is written. */
  async end(state: "done" | "stopped", message?: string): Promise<void> {
    const { current: _, step: __, tokensPerSecond: ___, ...rest } = this.#status;
    this.#status = { ...rest, state, ...(message !== undefined && { message }) };
    this.#write(true);
    await this.#writing;
  }

  /** A status that cannot be written holds nothing up. */
  #write(now: boolean): void {
    const time = this.#now();
    const out = this.#out;
    if (out === undefined || (!now && time - this.#written < PAUSE)) return;
    this.#written = time;
    const { state } = this.#status;
    const { secondsLeft } = this.#time;
    const elapsedSeconds = (time - this.#started) / 1000;
    const status = { ...this.#status, elapsedSeconds, ...(state === "running" && { secondsLeft }) };
    const text = JSON.stringify(withoutItems(status));
    this.#writing = this.#writing.then(() => writeShared(join(out, STATUS_FILE), text)).catch(() => undefined);
  }
}

/** New tokens a second in the phases of a step that have some. */
class TokenSpeed {
  readonly #speed = new Speed(SHOWN);
  #last: { readonly tokens: number; readonly now: number } | undefined;

  tell(tokens: number | undefined, now: number): void {
    if (tokens !== undefined && this.#last) {
      this.#speed.add(tokens - this.#last.tokens, (now - this.#last.now) / 1000);
    }
    this.#last = tokens === undefined ? undefined : { tokens, now };
  }

  /** Undefined at first, and while nothing is generated. */
  get perSecond(): number | undefined {
    return this.#last && this.#speed.perSecond;
  }
}
