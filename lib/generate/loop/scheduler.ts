// What is in work, and its place in the cache: prompts that are read or whose samples wait, and sequences that run.

import type { Decoder } from "../../nn/decoder.js";
import type { CacheReservation } from "./cacheReservation.js";
import type { Job, PromptWork } from "./job.js";
import { Prefix } from "./prefix.js";
import type { Reading } from "./reading.js";
import type { Sequence } from "./sequence.js";
import { type Beginning, LEAST_SHARED, sharedBeginning } from "./sharedBeginning.js";
import { Slots } from "./slots.js";

export class Scheduler {
  readonly slots: Slots;
  /** Sequences that grow beyond this are read anew: long rope turns them otherwise. */
  readonly longFrom: number;
  readonly #reservation: CacheReservation;
  /** Prompts that have a share of the cache: being read, or with samples that wait or run. */
  readonly #held = new Set<Prefix>();
  #reading: Prefix[] = [];
  /** Prompts that were read and have samples waiting. */
  #forking: Prefix[] = [];
  #running: Sequence[] = [];

  constructor(decoder: Decoder, reservation: CacheReservation) {
    this.slots = new Slots(decoder);
    this.#reservation = reservation;
    const froms = decoder.spec.layers.flatMap(({ attend }) => attend.rope?.long?.from ?? []);
    this.longFrom = Math.min(Number.POSITIVE_INFINITY, ...froms);
  }

  get reading(): readonly Prefix[] {
    return this.#reading;
  }

  get forking(): readonly Prefix[] {
    return this.#forking;
  }

  get running(): readonly Sequence[] {
    return this.#running;
  }

  /** Whether nothing in work is in the cache. */
  get empty(): boolean {
    return this.#held.size === 0;
  }

  /** Tokens of the cache that are set aside. */
  get reserved(): number {
    let tokens = 0;
    for (const { prompt, active } of this.#held) tokens += this.#reservation.of(prompt, active);
    return tokens;
  }

  /** Gives a prompt a slot, with what it has in common with another sequence in it. There must be room for it. */
  begin(job: Job, prompt: PromptWork): void {
    const beginning = job.work.kind !== "score" || prompt.scoredFrom ? this.#beginningOf(prompt) : undefined;
    const { reading, tokens = 0 } = beginning ?? {};
    const isKept = reading !== undefined && this.slots.kept.includes(reading);
    const adopted = isKept && tokens === reading.done ? this.slots.adopt(reading) : undefined;
    this.slots.trim(this.slots.size.tokens - this.reserved - this.#reservation.first(prompt));
    const prefix = new Prefix(job, prompt, adopted ?? this.slots.take());
    this.#held.add(prefix);
    this.#reading.push(prefix);
    if (adopted !== undefined) this.#has(prefix, tokens);
    else if (reading instanceof Prefix && reading.done < tokens) prefix.leader = { prefix: reading, tokens };
    else if (reading && (!isKept || this.slots.kept.includes(reading))) this.#share(prefix, reading, tokens);
  }

  /** A prompt was read, a part or all of it: shares it with those that wait for it. */
  lead(prefix: Prefix): void {
    for (const follower of this.#reading) {
      if (follower.leader?.prefix !== prefix || follower.leader.tokens > prefix.done) continue;
      this.#share(follower, prefix, follower.leader.tokens);
      follower.leader = undefined;
    }
  }

  /** A prompt was read to its end: its samples may begin, if there are any to come. */
  wasRead(prefix: Prefix, hasSamples: boolean): void {
    this.#reading = this.#reading.filter((other) => other !== prefix);
    if (hasSamples) this.#forking.push(prefix);
  }

  /** Whether there is room for another sample of a prompt that was read. */
  canContinue(prefix: Prefix): boolean {
    const { pending, job, active, prompt } = prefix;
    const { size, available } = this.slots;
    if (pending === 0 || job.active >= job.share.batch) return false;
    if (this.#running.length + this.#reading.length >= size.slots - 1) return false;
    if (pending > 1 && available === 0) return false;
    // The first sample's share was set aside with the prompt's.
    return active === 0 || this.reserved + this.#reservation.further(prompt) <= size.tokens;
  }

  /** Gives a sequence its place: a fork of its prompt, or the prompt's own slot if it is the last one. */
  run(sequence: Sequence): void {
    const { prefix } = sequence;
    if (prefix.pending === 0) sequence.slot = prefix.give();
    else {
      this.slots.trim(this.slots.size.tokens - this.reserved);
      sequence.slot = this.slots.take();
      this.slots.cache.fork(prefix.slot, sequence.slot, prefix.length);
    }
    this.#running.push(sequence);
    this.grew(sequence);
  }

  /** A sequence that has just grown beyond the length up to which long rope turns it as before is read anew. */
  grew(sequence: Sequence): void {
    if (sequence.length !== this.longFrom + 1) return;
    this.slots.cache.release(sequence.slot);
    sequence.done = 0;
  }

  /** A sequence has ended: gives its slot back. */
  ended(sequence: Sequence): void {
    this.#running = this.#running.filter((other) => other !== sequence);
    this.leave(sequence);
  }

  /** Gives a slot back. What it holds is kept while there is room; of sequences that long rope turns, nothing is. */
  leave(reading: Prefix | Sequence): void {
    if (reading instanceof Prefix) reading.give();
    if (reading.done < LEAST_SHARED || reading.length > this.longFrom) this.slots.release(reading.slot);
    else this.slots.keep(reading);
    this.slots.trim(this.slots.size.tokens - this.reserved);
  }

  /** Nothing more comes of a prompt: its share of the cache is free. */
  finished(prefix: Prefix): void {
    this.#held.delete(prefix);
  }

  /** Prompts whose samples have all begun wait no more. */
  settle(): void {
    this.#forking = this.#forking.filter((prefix) => prefix.pending > 0);
  }

  /** Takes all of a job out. */
  drop(job: Job): void {
    const own = (part: { readonly job: Job }) => part.job === job;
    const others = (part: { readonly job: Job }) => part.job !== job;
    const leaving = [...[...this.#held].filter((prefix) => own(prefix) && prefix.holds), ...this.#running.filter(own)];
    for (const prefix of this.#held) if (own(prefix)) this.#held.delete(prefix);
    this.#running = this.#running.filter(others);
    this.#reading = this.#reading.filter(others);
    this.#forking = this.#forking.filter(others);
    for (const prefix of this.#reading) if (prefix.leader && own(prefix.leader.prefix)) prefix.leader = undefined;
    for (const reading of leaving) this.leave(reading);
  }

  /** Takes everything out, and the cache with it: what it holds may be wrong. */
  clear(): void {
    this.#held.clear();
    this.#running = [];
    this.#reading = [];
    this.#forking = [];
    this.slots.drop();
  }

  #beginningOf(prompt: PromptWork): Beginning | undefined {
    const sources: Beginning[] = [
      ...[...this.slots.kept, ...this.#running].map((reading) => ({ reading, tokens: reading.done })),
      ...[...this.#held].filter(({ holds }) => holds).map((reading) => ({ reading, tokens: reading.length })),
    ];
    const beginning = sharedBeginning(prompt, sources, this.longFrom);
    if (beginning) this.slots.touch(beginning.reading);
    return beginning;
  }

  #share(prefix: Prefix, reading: Reading, tokens: number): void {
    this.slots.cache.fork(reading.slot, prefix.slot, tokens);
    this.#has(prefix, tokens);
  }

  /** A prompt's slot holds its beginning. */
  #has(prefix: Prefix, tokens: number): void {
    prefix.done = tokens;
    prefix.job.promptTokens += tokens;
    prefix.job.moved = true;
  }
}
