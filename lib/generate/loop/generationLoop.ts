// The loop behind a model: continuous batching. Every step continues all sequences in work by a token and reads pieces of
// prompts that are new; a sequence that ends makes room for the next one at once.
//
// A prompt is read once for all of its samples: they are forked from it. So is what prompts have in common at their
// beginning. Which sequences share a step, or a beginning, changes no answer: operations compute each row by itself, and a
// sample's random draws are keyed by its own place.

import type { Decoder } from "../../nn/decoder.js";
import type { MemoryBudget } from "../../nn/memory/memoryBudget.js";
import { AdmissionControl, type Load } from "./admissionControl.js";
import { allotRows, type Remaining } from "./allotRows.js";
import { CacheReservation } from "./cacheReservation.js";
import { type GenerateWork, Job, type NextWork, type ScoreWork } from "./job.js";
import { Prefix } from "./prefix.js";
import type { Reading } from "./reading.js";
import { Scheduler } from "./scheduler.js";
import { Sequence } from "./sequence.js";
import { type Part, StepRows } from "./stepRows.js";

export interface LoopOptions {
  readonly budget: MemoryBudget;
  /** Rows of prompts read in one step, beside the sequences that are continued. It bounds how long a step takes. */
  readonly stepRows: number;
  /** Begins a sample of a prompt that was read. */
  sequence(prefix: Prefix, sample: number): Sequence;
  /** Text of an answer that was not made on the way. */
  decode(ids: readonly number[]): string;
}

export class GenerationLoop {
  readonly #decoder: Decoder;
  readonly #options: LoopOptions;
  readonly #reservation: CacheReservation;
  readonly #scheduler: Scheduler;
  readonly #admission: AdmissionControl;
  #step: StepRows | undefined;
  readonly #jobs = new Set<Job>();
  /** Jobs with prompts that were not begun; each in turn begins one. */
  #waiting: Job[] = [];

  constructor(decoder: Decoder, options: LoopOptions) {
    this.#decoder = decoder;
    this.#options = options;
    this.#reservation = new CacheReservation(decoder.memory.forksShare === true);
    this.#scheduler = new Scheduler(decoder, this.#reservation);
    this.#admission = new AdmissionControl(options.budget, this.#scheduler.slots);
  }

  /** Whether any job is unfinished. */
  get busy(): boolean {
    return this.#jobs.size > 0;
  }

  /** Sequences that have ended and are kept in the cache, for prompts that begin alike. */
  get kept(): number {
    return this.#scheduler.slots.kept.length;
  }

  /**
   * Takes a job; its events come from `step`.
   * @throws RetemperError OUT_OF_MEMORY when it does not fit.
   */
  submit(work: GenerateWork | ScoreWork | NextWork): Job {
    const job = new Job(work, this.#options.budget.check(this.#reservation.ofJob(work)));
    this.#jobs.add(job);
    this.#waiting.push(job);
    return job;
  }

  /** Forgets a job: its sequences leave at once, and nothing more is heard of it. */
  cancel(job: Job): void {
    if (!this.#jobs.delete(job)) return;
    this.#waiting = this.#waiting.filter((other) => other !== job);
    this.#scheduler.drop(job);
  }

  /**
   * Runs one step. False where there is nothing to compute: no job, or none that wants results now.
   * A decoder that fails ends every job that was begun.
   */
  step(): boolean {
    try {
      this.#admit();
      const step = this.#gather();
      if (step) {
        const logits = this.#decoder.forward(step.rows, this.#scheduler.slots.cache, step.wanted);
        for (const part of step.parts) this.#guarded(part.reading, () => this.#advance(part, logits));
      }
      for (const job of this.#jobs) this.#tell(job);
      return step !== undefined;
    } catch (error) {
      this.#fail(error);
      return this.busy;
    }
  }

  /** Forgets what is kept of a variant of which nothing is in work: another one takes its place. */
  forget(variant: number): void {
    this.#scheduler.slots.forget(variant);
  }

  /** Frees the cache. Jobs that are unfinished hear nothing more. */
  dispose(): void {
    for (const job of this.#jobs) this.cancel(job);
    this.#scheduler.clear();
  }

  // Beginning

  #admit(): void {
    // Samples of prompts that were read go first: they keep the prompt's part of the cache.
    for (const prefix of this.#scheduler.forking) {
      const canGo = () => this.#jobs.has(prefix.job) && this.#scheduler.canContinue(prefix);
      while (canGo()) this.#guarded(prefix, () => this.#continue(prefix));
    }
    this.#scheduler.settle();
    for (let passed = 0; passed < this.#waiting.length; ) {
      const job = this.#waiting.shift() as Job;
      const prompt = job.next;
      if (prompt === undefined) {
        if (job.left === 0) this.#end(job);
      } else if (!job.work.wanting() || job.expected >= job.share.batch) {
        this.#waiting.push(job);
        passed += 1;
      } else if (this.#admission.admits(this.#reservation.first(prompt), this.#load())) {
        this.#scheduler.begin(job, prompt);
        job.begun += 1;
        job.active += 1;
        job.expected += prompt.samples.length;
        this.#waiting.push(job);
        passed = 0;
      } else {
        this.#waiting.unshift(job); // strictly in turn, so that no large prompt is passed by for ever
        return;
      }
    }
  }

  #load(): Load {
    const jobs = [...this.#jobs];
    return {
      expected: jobs.reduce((count, job) => count + job.expected, 0),
      reserved: this.#scheduler.reserved,
      empty: this.#scheduler.empty,
      waiting: jobs.filter((job) => job.next !== undefined).map((job) => job.share),
    };
  }

  /** Begins the next sample of a prompt that was read, with a token drawn from the logits after the prompt. */
  #continue(prefix: Prefix): void {
    const sequence = this.#options.sequence(prefix, prefix.begin());
    prefix.job.active += 1;
    sequence.take(prefix.logits as Float32Array);
    if (!sequence.finished) {
      this.#scheduler.run(sequence);
      return;
    }
    if (prefix.pending === 0) this.#scheduler.leave(prefix);
    this.#finish(sequence);
  }

  // Computing

  /** The rows of the next step; undefined where there are none. */
  #gather(): StepRows | undefined {
    const step = this.#emptyStep();
    const isContinued = ({ length, done }: Reading) => length - done === 1;
    const { running, reading: prefixes } = this.#scheduler;
    for (const sequence of running) if (isContinued(sequence)) step.add(sequence, 1, 1);
    const readable = [
      ...running.filter((sequence) => !isContinued(sequence)),
      ...prefixes.filter(({ leader }) => leader === undefined),
    ];
    const remaining = readable.map((reading): Remaining => {
      const scored = reading instanceof Prefix && reading.job.work.kind === "score";
      const unscored = scored ? Math.max(0, (reading.prompt.scoredFrom ?? 0) - reading.done) : 0;
      return { rows: reading.length - reading.done, scored, unscored };
    });
    const rows = allotRows(remaining, this.#options.stepRows, this.#options.budget.scoredRows);
    readable.forEach((reading, i) => {
      const count = rows[i] as number;
      if (count === 0) return;
      const { scored, unscored = 0, rows: left } = remaining[i] as Remaining;
      step.add(reading, count, scored ? Math.max(0, count - unscored) : count === left ? 1 : 0);
    });
    return step.count > 0 ? step : undefined;
  }

  #emptyStep(): StepRows {
    const most = this.#options.stepRows + this.#scheduler.slots.size.slots;
    if (this.#step?.most !== most) this.#step = new StepRows(most, Number.isFinite(this.#scheduler.longFrom));
    this.#step.clear();
    return this.#step;
  }

  /** One sequence's rows were computed. */
  #advance({ reading, rows, firstWanted, wanted }: Part, logits: Float32Array): void {
    const { vocabulary } = this.#decoder.spec;
    const own = logits.subarray(firstWanted * vocabulary, (firstWanted + wanted) * vocabulary);
    reading.done += rows;
    if (reading instanceof Sequence) {
      if (wanted > 0) this.#take(reading, own);
    } else if (reading instanceof Prefix) {
      const { job, prompt } = reading;
      job.promptTokens += rows;
      job.moved = true;
      if (job.work.kind === "score" && wanted > 0) job.work.events.rows(prompt.index, reading.done - wanted, own);
      this.#scheduler.lead(reading);
      if (reading.done === reading.length) this.#wasRead(reading, own);
    }
  }

  #take(sequence: Sequence, logits: Float32Array): void {
    sequence.take(logits);
    if (sequence.finished) {
      this.#scheduler.ended(sequence);
      this.#finish(sequence);
    } else this.#scheduler.grew(sequence);
  }

  #wasRead(prefix: Prefix, logits: Float32Array): void {
    const { job } = prefix;
    const hasSamples = job.work.kind === "generate";
    this.#scheduler.wasRead(prefix, hasSamples);
    job.active -= 1;
    if (hasSamples) prefix.logits = logits.slice();
    else {
      if (job.work.kind === "next") job.work.events.last(prefix.prompt, logits);
      prefix.begin();
      this.#scheduler.leave(prefix);
      this.#done(prefix);
    }
  }

  // Ending

  #finish(sequence: Sequence): void {
    const { job, prefix } = sequence;
    job.active -= 1;
    if (job.work.kind === "generate") job.work.events.answer(sequence.answer(this.#options.decode));
    this.#done(prefix);
  }

  /** One sample of a prompt, or an input, is done with. */
  #done(prefix: Prefix): void {
    const { job } = prefix;
    prefix.active -= 1;
    job.expected -= 1;
    job.left -= 1;
    if (prefix.active === 0 && prefix.pending === 0) this.#scheduler.finished(prefix);
    if (job.left === 0) this.#end(job);
  }

  #end(job: Job): void {
    this.#tell(job);
    this.cancel(job); // nothing of it is left in work
    job.work.events.end();
  }

  /** What fails for one sequence (logits that are no numbers, say) ends its job and leaves the others alone. */
  #guarded(reading: Reading, work: () => void): void {
    const { job } = reading as Prefix | Sequence;
    if (!this.#jobs.has(job)) return;
    try {
      work();
    } catch (error) {
      this.cancel(job);
      job.work.events.failed(error);
    }
  }

  #tell(job: Job): void {
    if (!job.moved) return;
    job.moved = false;
    job.work.events.counted?.(job.promptTokens, job.newTokens);
  }

  /** The decoder failed, or the cache could not be made: every job that was begun ends, and if none was, all do. */
  #fail(error: unknown): void {
    const begun = [...this.#jobs].filter((job) => job.begun > 0);
    const failed = begun.length > 0 ? begun : [...this.#jobs];
    for (const job of failed) this.#jobs.delete(job);
    this.#waiting = this.#waiting.filter((job) => this.#jobs.has(job));
    this.#scheduler.clear();
    for (const job of failed) job.work.events.failed(error);
  }
}
