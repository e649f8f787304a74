// How far a run is, and how long it will take.

export interface EvaluateProgress {
  /** "answers": the model answers; "scores": a judge or metric reads. */
  readonly phase: "answers" | "scores";
  /** The task, and while scoring who scores. */
  readonly task: string;
  readonly scorer?: string | undefined;
  /** Answers or scores of this phase, with those of an earlier run. */
  readonly done: number;
  readonly total: number;
  readonly perSecond: number;
  readonly secondsLeft: number | undefined;
  /** While the model answers: new tokens since this phase began. */
  readonly tokens?: number | undefined;
}

/** Counts one phase of one task. */
export class ProgressCounter {
  readonly #started = performance.now();
  readonly #of: Pick<EvaluateProgress, "phase" | "task" | "scorer" | "total">;
  readonly #already: number;
  readonly #tell: ((progress: EvaluateProgress) => void) | undefined;
  #done: number;
  #tokens: number | undefined;

  /** @param already what an earlier run had done */
  constructor(
    of: Pick<EvaluateProgress, "phase" | "task" | "scorer" | "total">,
    already: number,
    tell: ((progress: EvaluateProgress) => void) | undefined,
  ) {
    this.#of = of;
    this.#already = already;
    this.#done = already;
    this.#tell = tell;
    if (of.phase === "answers") this.#tokens = 0;
    this.#report();
  }

  /** @param tokens of one answer more */
  add(tokens = 0): void {
    this.#done += 1;
    if (this.#tokens !== undefined) this.#tokens += tokens;
    this.#report();
  }

  #report(): void {
    const seconds = (performance.now() - this.#started) / 1000;
    const here = this.#done - this.#already;
    const perSecond = seconds > 0 ? here / seconds : 0;
    const secondsLeft = here > 0 && perSecond > 0 ? (this.#of.total - this.#done) / perSecond : undefined;
    this.#tell?.({ ...this.#of, done: this.#done, perSecond, secondsLeft, tokens: this.#tokens });
  }
}
