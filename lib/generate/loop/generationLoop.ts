// The loop behind a model: continuous batching. Every step continues all sequences in work by a token and reads pieces of
// prompts that are new; a sequence that ends makes room for the next one at once.
//
// A prompt is read once for all of its samples: they are forked from it. So is what prompts have in common at their
// beginning. Which sequences share a step, or a beginning, changes no answer: operations compute each row by itself, and a
// sample's random draws are keyed by its own place.

import type { Decoder } from "../decoder.js";
import type { MemoryBudget } from "../memory/memoryBudget.js";
import { allotRows, type Remaining } from "./allotRows.js";
import { Demand } from "./demand.js";
import { type GenerateWork, Job, type PromptWork, type ScoreWork } from "./job.js";
import { Prefix } from "./prefix.js";
import type { Reading } from "./reading.js";
import { type Load, Room } from "./room.js";
import { Sequence } from "./sequence.js";
import { type Beginning, LEAST_SHARED, sharedBeginning } from "./sharedBeginning.js";
import { Slots } from "./slots.js";
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
  readonly #slots: Slots;
  readonly #demand: Demand;
  /** Sequences that grow beyond this are read anew: long rope turns them otherwise. */
  readonly #longFrom: number;
  readonly #room: Room;
  #step: StepRows | undefined;
  readonly #jobs = new Set<Job>();
  /** Jobs with prompts that were not begun; each in turn begins one. */
  #waiting: Job[] = [];
  /** Prompts that have a share of the cache: being read, or with samples that wait or run. */
  readonly #held = new Set<Prefix>();
  #reading: Prefix[] = [];
  /** Prompts that were read and have samples waiting. */
  #forking: Prefix[] = [];
  #running: Sequence[] = [];

  constructor(decoder: Decoder, options: LoopOptions) {
    this.#decoder = decoder;
    this.#options = options;
    this.#slots = new Slots(decoder);
    this.#room = new Room(options.budget, this.#slots);
    this.#demand = new Demand(decoder.memory.forksShare === true);
    const froms = decoder.spec.layers.flatMap(({ attend }) => attend.rope?.long?.from ?? []);
    this.#longFrom = Math.min(Number.POSITIVE_INFINITY, ...froms);
  }

  /** Whether any job is unfinished. */
  get busy(): boolean {
    return this.#jobs.size > 0;
  }

  /** Sequences that have ended and are kept in the cache, for prompts that begin alike. */
  get kept(): number {
    return this.#slots.kept.length;
  }

  /**
   * Takes a job; its events come from `step`.
   * @throws RetemperError OUT_OF_MEMORY when it does not fit.
   */
  submit(work: GenerateWork | ScoreWork): Job {
    const job = new Job(work, this.#options.budget.check(this.#demand.ofJob(work)));
    this.#jobs.add(job);
    this.#waiting.push(job);
    return job;
  }

  /** Forgets a job: its sequences leave at once, and nothing more is heard of it. */
  cancel(job: Job): void {
    if (!this.#jobs.delete(job)) return;
    const own = (part: { readonly job: Job }) => part.job === job;
    const leaving = [...[...this.#held].filter((prefix) => own(prefix) && prefix.holds), ...this.#running.filter(own)];
    for (const prefix of this.#held) if (own(prefix)) this.#held.delete(prefix);
    this.#waiting = this.#waiting.filter((other) => other !== job);
    [this.#running, this.#reading, this.#forking] = [
      this.#running.filter((sequence) => !own(sequence)),
      this.#reading.filter((prefix) => !own(prefix)),
      this.#forking.filter((prefix) => !own(prefix)),
    ];
    for (const prefix of this.#reading) if (prefix.leader && own(prefix.leader.prefix)) prefix.leader = undefined;
    for (const reading of leaving) this.#leave(reading);
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
        const logits = this.#decoder.forward(step.rows, this.#slots.cache, step.wanted);
        for (const part of step.parts) this.#guarded(part.reading, () => this.#advance(part, logits));
      }
      for (const job of this.#jobs) this.#tell(job);
      return step !== undefined;
    } catch (error) {
      this.#fail(error);
      return this.busy;
    }
  }

  /** Frees the cache. Jobs that are unfinished hear nothing more. */
  dispose(): void {
    for (const job of this.#jobs) this.cancel(job);
    this.#slots.drop();
  }

  // Beginning

  #admit(): void {
    // Samples of prompts that were read go first: they keep the prompt's part of the cache.
    for (const prefix of this.#forking) {
      while (this.#canContinue(prefix)) this.#guarded(prefix, () => this.#continue(prefix));
    }
    this.#forking = this.#forking.filter((prefix) => prefix.pending > 0);
    for (let passed = 0; passed < this.#waiting.length; ) {
      const job = this.#waiting.shift() as Job;
      const prompt = job.next;
      if (prompt === undefined) {
        if (job.left === 0) this.#end(job);
      } else if (!job.work.wanting() || job.expected >= job.share.batch) {
        this.#waiting.push(job);
        passed += 1;
      } else if (this.#room.admits(this.#demand.first(prompt), this.#load())) {
        this.#read(job, prompt);
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
      reserved: this.#reserved(),
      empty: this.#held.size === 0,
      waiting: jobs.filter((job) => job.next !== undefined).map((job) => job.share),
    };
  }

  #reserved(): number {
    let tokens = 0;
    for (const { prompt, active } of this.#held) tokens += this.#demand.of(prompt, active);
    return tokens;
  }

  /** Gives the next prompt of a job a slot, with what it has in common with another sequence in it. */
  #read(job: Job, prompt: PromptWork): void {
    const beginning = job.work.kind === "generate" ? this.#beginningOf(prompt) : undefined;
    const { reading, tokens = 0 } = beginning ?? {};
    const isKept = reading !== undefined && this.#slots.kept.includes(reading);
    const adopted = isKept && tokens === reading.done ? this.#slots.adopt(reading) : undefined;
    this.#slots.trim(this.#slots.size.tokens - this.#reserved() - this.#demand.first(prompt));
    const prefix = new Prefix(job, prompt, adopted ?? this.#slots.take());
    job.begun += 1;
    job.active += 1;
    job.expected += prompt.samples.length;
    this.#held.add(prefix);
    this.#reading.push(prefix);
    if (adopted !== undefined) this.#has(prefix, tokens);
    else if (reading instanceof Prefix && reading.done < tokens) prefix.leader = { prefix: reading, tokens };
    else if (reading && (!isKept || this.#slots.kept.includes(reading))) this.#share(prefix, reading, tokens);
  }

  #beginningOf(prompt: PromptWork): Beginning | undefined {
    const sources: Beginning[] = [
      ...[...this.#slots.kept, ...this.#running].map((reading) => ({ reading, tokens: reading.done })),
      ...[...this.#held].filter(({ holds }) => holds).map((reading) => ({ reading, tokens: reading.length })),
    ];
    const beginning = sharedBeginning(prompt, sources, this.#longFrom);
    if (beginning) this.#slots.touch(beginning.reading);
    return beginning;
  }

  #share(prefix: Prefix, reading: Reading, tokens: number): void {
    this.#slots.cache.fork(reading.slot, prefix.slot, tokens);
    this.#has(prefix, tokens);
  }

  /** A prompt's slot holds its beginning. */
  #has(prefix: Prefix, tokens: number): void {
    prefix.done = tokens;
    prefix.job.promptTokens += tokens;
    prefix.job.moved = true;
  }

  #canContinue(prefix: Prefix): boolean {
    if (!this.#jobs.has(prefix.job)) return false;
    if (prefix.pending === 0 || prefix.job.active >= prefix.job.share.batch) return false;
    if (this.#running.length + this.#reading.length >= this.#slots.size.slots - 1) return false;
    if (prefix.pending > 1 && this.#slots.available === 0) return false;
    // The first sample's share was set aside with the prompt's.
    return prefix.active === 0 || this.#reserved() + this.#demand.further(prefix.prompt) <= this.#slots.size.tokens;
  }

  /** Begins the next sample of a prompt that was read, with a token drawn from the logits after the prompt. */
  #continue(prefix: Prefix): void {
    const sequence = this.#options.sequence(prefix, prefix.begin());
    prefix.job.active += 1;
    sequence.take(prefix.logits as Float32Array);
    if (sequence.finished) {
      if (prefix.pending === 0) this.#leave(prefix);
      this.#finish(sequence);
      return;
    }
    if (prefix.pending === 0) sequence.slot = prefix.give();
    else {
      this.#slots.trim(this.#slots.size.tokens - this.#reserved());
      sequence.slot = this.#slots.take();
      this.#slots.cache.fork(prefix.slot, sequence.slot, prefix.length);
    }
    this.#running.push(sequence);
    this.#turnOtherwise(sequence);
  }

  // Computing

  /** The rows of the next step; undefined where there are none. */
  #gather(): StepRows | undefined {
    const step = this.#emptyStep();
    const isContinued = ({ length, done }: Reading) => length - done === 1;
    for (const sequence of this.#running) if (isContinued(sequence)) step.add(sequence, 1, 1);
    const readable = [
      ...this.#running.filter((sequence) => !isContinued(sequence)),
      ...this.#reading.filter(({ leader }) => leader === undefined),
    ];
    const remaining = readable.map((reading) => ({
      rows: reading.length - reading.done,
      scored: reading instanceof Prefix && reading.job.work.kind === "score",
    }));
    const rows = allotRows(remaining, this.#options.stepRows, this.#options.budget.scoredRows);
    readable.forEach((reading, i) => {
      const count = rows[i] as number;
      if (count === 0) return;
      const { scored, rows: left } = remaining[i] as Remaining;
      step.add(reading, count, scored ? count : count === left ? 1 : 0);
    });
    return step.count > 0 ? step : undefined;
  }

  #emptyStep(): StepRows {
    const most = this.#options.stepRows + this.#slots.size.slots;
    if (this.#step?.most !== most) this.#step = new StepRows(most, Number.isFinite(this.#longFrom));
    this.#step.clear();
    return this.#step;
  }

  /** One sequence's rows were computed. */
  #advance({ reading, rows, firstWanted, wanted }: Part, logits: Float32Array): void {
    const { vocabulary } = this.#decoder.spec;
    const own = logits.subarray(firstWanted * vocabulary, (firstWanted + wanted) * vocabulary);
    const first = reading.done;
    reading.done += rows;
    if (reading instanceof Sequence) {
      if (wanted > 0) this.#take(reading, own);
    } else if (reading instanceof Prefix) {
      const { job, prompt } = reading;
      job.promptTokens += rows;
      job.moved = true;
      if (job.work.kind === "score") job.work.events.rows(prompt.index, first, own);
      this.#lead(reading);
      if (reading.done === reading.length) this.#wasRead(reading, own);
    }
  }

  /** Shares what was read with the prompts that wait for it. */
  #lead(prefix: Prefix): void {
    for (const follower of this.#reading) {
      if (follower.leader?.prefix !== prefix || follower.leader.tokens > prefix.done) continue;
      this.#share(follower, prefix, follower.leader.tokens);
      follower.leader = undefined;
    }
  }

  #take(sequence: Sequence, logits: Float32Array): void {
    sequence.take(logits);
    if (sequence.finished) {
      this.#running.splice(this.#running.indexOf(sequence), 1);
      this.#leave(sequence);
      this.#finish(sequence);
    } else this.#turnOtherwise(sequence);
  }

  /** A sequence that has just grown beyond the length up to which long rope turns it as before is read anew. */
  #turnOtherwise(sequence: Sequence): void {
    if (sequence.length !== this.#longFrom + 1) return;
    this.#slots.cache.release(sequence.slot);
    sequence.done = 0;
  }

  #wasRead(prefix: Prefix, logits: Float32Array): void {
    this.#reading.splice(this.#reading.indexOf(prefix), 1);
    prefix.job.active -= 1;
    if (prefix.job.work.kind === "generate") {
      prefix.logits = logits.slice();
      this.#forking.push(prefix);
    } else {
      prefix.begin();
      this.#leave(prefix);
      this.#done(prefix);
    }
  }

  // Ending

  /** Gives a slot back. What it holds is kept while there is room; of sequences that long rope turns, nothing is. */
  #leave(reading: Prefix | Sequence): void {
    if (reading instanceof Prefix) reading.give();
    if (reading.done < LEAST_SHARED || reading.length > this.#longFrom) this.#slots.release(reading.slot);
    else this.#slots.keep(reading);
    this.#slots.trim(this.#slots.size.tokens - this.#reserved());
  }

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
    if (prefix.active === 0 && prefix.pending === 0) this.#held.delete(prefix);
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
    this.#running = [];
    this.#reading = [];
    this.#forking = [];
    this.#held.clear();
    this.#slots.drop(); // what it holds may be wrong
    for (const job of failed) job.work.events.failed(error);
  }
}
