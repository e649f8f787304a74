// The loop behind a model: continuous batching. Every step continues all sequences in work by a token and reads pieces of
// prompts that are new; a sequence that ends makes room for the next one at once.
//
// A prompt is read once for all of its samples: they are forked from it. Which sequences share a step changes no answer:
// operations compute each row by itself, and a sample's random draws are keyed by its own place.

import type { Decoder } from "../decoder.js";
import type { CacheSize, MemoryBudget } from "../memory/memoryBudget.js";
import { demandOf, eachNeed, firstNeed } from "./demand.js";
import { type GenerateWork, Job, type PromptWork, type ScoreWork } from "./job.js";
import { Prefix } from "./prefix.js";
import type { Reading } from "./reading.js";
import { Sequence } from "./sequence.js";
import { Slots } from "./slots.js";
import { type Part, StepRows } from "./stepRows.js";

/** Waiting for the cache to be empty is worth it where it can be made so many times as large then. */
const WORTH_DRAINING = 1.25;

/** Bytes of logits that one step makes for inputs of which all rows are wanted. */
const SCORED_BYTES = 64 * 2 ** 20;

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
  readonly #scoredRows: number;
  /** Sequences that grow beyond this are read anew: long rope turns them otherwise. */
  readonly #longFrom: number;
  #step: StepRows | undefined;
  /** No prompt begins until the cache is empty, so that a larger one can take its place. */
  #draining = false;
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
    this.#scoredRows = Math.max(1, Math.floor(SCORED_BYTES / (4 * decoder.spec.vocabulary)));
    const froms = decoder.spec.layers.flatMap(({ attend }) => attend.rope?.long?.from ?? []);
    this.#longFrom = Math.min(Number.POSITIVE_INFINITY, ...froms);
  }

  /** Whether any job is unfinished. */
  get busy(): boolean {
    return this.#jobs.size > 0;
  }

  /**
   * Takes a job; its events come from `step`.
   * @throws RetemperError OUT_OF_MEMORY when it does not fit.
   */
  submit(work: GenerateWork | ScoreWork): Job {
    const job = new Job(work, this.#options.budget.check(demandOf(work)));
    this.#jobs.add(job);
    this.#waiting.push(job);
    return job;
  }

  /** Forgets a job: its sequences leave at once, and nothing more is heard of it. */
  cancel(job: Job): void {
    if (!this.#jobs.delete(job)) return;
    const others = (part: { readonly job: Job }) => part.job !== job;
    for (const sequence of this.#running) if (sequence.job === job) this.#slots.release(sequence.slot);
    for (const prefix of this.#held) {
      if (prefix.job !== job) continue;
      if (prefix.holds) this.#slots.release(prefix.give());
      this.#held.delete(prefix);
    }
    this.#waiting = this.#waiting.filter((other) => other !== job);
    this.#running = this.#running.filter(others);
    this.#reading = this.#reading.filter(others);
    this.#forking = this.#forking.filter(others);
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
        for (const part of step.parts) this.#advance(part, logits);
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
    for (const prefix of this.#forking) while (this.#canContinue(prefix)) this.#continue(prefix);
    this.#forking = this.#forking.filter((prefix) => prefix.pending > 0);
    for (let passed = 0; passed < this.#waiting.length; ) {
      const job = this.#waiting.shift() as Job;
      const prompt = job.next;
      if (prompt === undefined) {
        if (job.left === 0) this.#end(job);
      } else if (!job.work.wanting() || job.expected >= job.share.batch) {
        this.#waiting.push(job);
        passed += 1;
      } else if (this.#makeRoom(firstNeed(prompt))) {
        this.#read(job, prompt);
        this.#waiting.push(job);
        passed = 0;
      } else {
        this.#waiting.unshift(job); // strictly in turn, so that no large prompt is passed by for ever
        return;
      }
    }
  }

  /** Whether a prompt that needs so many tokens can begin; makes the cache, or a larger one while it is empty. */
  #makeRoom(needed: number): boolean {
    if (this.#held.size === 0) {
      if (this.#outgrown(1)) this.#makeCache(this.#sizeWanted());
      this.#draining = false;
    }
    const { slots, tokens } = this.#slots.size;
    const fits = this.#expected() < slots - 1 && this.#slots.free > 0 && this.#reserved() + needed <= tokens;
    this.#draining ||= !fits && this.#outgrown(WORTH_DRAINING);
    return fits && !this.#draining;
  }

  #outgrown(factor: number): boolean {
    const wanted = this.#sizeWanted();
    return wanted.slots > this.#slots.size.slots || wanted.tokens > factor * this.#slots.size.tokens;
  }

  #sizeWanted(): CacheSize {
    const waiting = [...this.#jobs].filter((job) => job.next !== undefined);
    return this.#options.budget.size(waiting.map((job) => job.share));
  }

  #makeCache(size: CacheSize): void {
    this.#slots.make(size);
    this.#step = new StepRows(this.#options.stepRows + size.slots, Number.isFinite(this.#longFrom));
  }

  /** Samples that run or will, of all prompts that were begun. */
  #expected(): number {
    let count = 0;
    for (const job of this.#jobs) count += job.expected;
    return count;
  }

  #reserved(): number {
    let tokens = 0;
    for (const prefix of this.#held) tokens += prefix.reserved;
    return tokens;
  }

  /** Gives the next prompt of a job a slot. */
  #read(job: Job, prompt: PromptWork): void {
    const prefix = new Prefix(job, prompt, this.#slots.take());
    job.begun += 1;
    job.active += 1;
    job.expected += prompt.samples.length;
    this.#held.add(prefix);
    this.#reading.push(prefix);
  }

  #canContinue(prefix: Prefix): boolean {
    if (prefix.pending === 0 || prefix.job.active >= prefix.job.share.batch) return false;
    if (this.#running.length + this.#reading.length >= this.#slots.size.slots - 1) return false;
    if (prefix.pending > 1 && this.#slots.free === 0) return false;
    // The first sample's share was set aside with the prompt's.
    return prefix.active === 0 || this.#reserved() + eachNeed(prefix.prompt) <= this.#slots.size.tokens;
  }

  /** Begins the next sample of a prompt that was read, with a token drawn from the logits after the prompt. */
  #continue(prefix: Prefix): void {
    const sequence = this.#options.sequence(prefix, prefix.begin());
    prefix.job.active += 1;
    sequence.take(prefix.logits as Float32Array);
    if (sequence.finished) {
      if (prefix.pending === 0) this.#slots.release(prefix.give());
      this.#finish(sequence);
      return;
    }
    if (prefix.pending === 0) sequence.slot = prefix.give();
    else {
      sequence.slot = this.#slots.take();
      this.#slots.cache.fork(prefix.slot, sequence.slot, prefix.length);
    }
    this.#running.push(sequence);
    this.#turnOtherwise(sequence);
  }

  // Computing

  /** The rows of the next step; undefined where there are none. */
  #gather(): StepRows | undefined {
    const step = this.#step;
    if (!step) return undefined;
    step.clear();
    const isContinued = ({ length, done }: Reading) => length - done === 1;
    for (const sequence of this.#running) if (isContinued(sequence)) step.add(sequence, 1, 1);
    let rows = this.#options.stepRows;
    let scored = this.#scoredRows;
    for (const reading of [...this.#running.filter((sequence) => !isContinued(sequence)), ...this.#reading]) {
      const every = reading instanceof Prefix && reading.job.work.kind === "score";
      const count = Math.min(reading.length - reading.done, rows, every ? scored : rows);
      if (count === 0) continue;
      const last = reading.done + count === reading.length;
      step.add(reading, count, every ? count : last ? 1 : 0);
      rows -= count;
      if (every) scored -= count;
    }
    return step.count > 0 ? step : undefined;
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
      if (reading.done === reading.length) this.#wasRead(reading, own);
    }
  }

  #take(sequence: Sequence, logits: Float32Array): void {
    sequence.take(logits);
    if (sequence.finished) {
      this.#running.splice(this.#running.indexOf(sequence), 1);
      this.#slots.release(sequence.slot);
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
      this.#slots.release(prefix.give());
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
    if (prefix.active === 0 && prefix.pending === 0) this.#held.delete(prefix);
    if (job.left === 0) this.#end(job);
  }

  #end(job: Job): void {
    this.#tell(job);
    this.cancel(job); // nothing of it is left in work
    job.work.events.end();
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
