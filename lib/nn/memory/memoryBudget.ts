// What fits: weights, a step's activations and the cache of the sequences in work, worked out before anything starts.

import { RetemperError } from "../../errors.js";
import type { Decoder } from "../decoder.js";

/** Sequences at once that are worth their memory unless the caller says otherwise. */
export const DEFAULT_BATCH = { cpu: 32, gpu: 128 } as const;

/** Share of what is free that is left to the rest of the process and the machine. */
const MARGIN = 0.1;
const MOST_MARGIN = 2 ** 30;

/** Without more to do yet, the cache is made for this many tokens of each sequence, if that is a small part of memory. */
const USUAL_TOKENS = 1024;
const USUAL_SHARE = 0.25;

/** Of the memory beside what must be there, the part for pages of weights that are read from disk; the cache has the rest. */
const PAGES_SHARE = 0.75;

/** Bytes of the logits that a step gives for inputs of which all rows are wanted, at most. */
const SCORED_BYTES = 64 * 2 ** 20;

/** What a job needs of the cache. */
export interface CacheDemand {
  /** Sequences at once; undefined: as many as fit. */
  readonly batch: number | undefined;
  /** Tokens of the cache that each of its sequences needs. */
  readonly needs: readonly number[];
  /** What a sequence is called in messages ("prompt 3"). */
  name(at: number): string;
  /** New tokens asked of each, 0 for inputs that are only read. */
  readonly newTokens: number;
}

/** A demand that was checked, in short. */
export interface CacheShare {
  readonly batch: number;
  /** Tokens for as many of its sequences at once as may be in work, and for its largest one. */
  readonly together: number;
  readonly largest: number;
}

export interface CacheSize {
  readonly slots: number;
  readonly tokens: number;
}

export class MemoryBudget {
  readonly #memory: Decoder["memory"];
  readonly #limit: number;
  readonly #stepRows: number;
  readonly #maxPositions: number;
  readonly #vocabulary: number;
  /** Where not all weights fit, but what must be in memory does: bytes for pages of those that each step reads from disk. */
  readonly pages: number | undefined;
  readonly defaultBatch: number;
  /** Rows of one step that may give logits for inputs of which all rows are wanted. */
  readonly scoredRows: number;

  /**
   * @param limit Bytes that the model may take in all.
   * @param stepRows Rows that are read in one step beside those of the sequences in work.
   */
  constructor(facts: {
    readonly memory: Decoder["memory"];
    /** Bytes of the weights that need not be in memory. */
    readonly mapped?: number | undefined;
    readonly limit: number;
    readonly stepRows: number;
    readonly maxPositions: number;
    readonly vocabulary: number;
    readonly defaultBatch: number;
  }) {
    this.#stepRows = facts.stepRows;
    this.#maxPositions = facts.maxPositions;
    this.defaultBatch = facts.defaultBatch;
    this.#vocabulary = facts.vocabulary;
    this.scoredRows = Math.max(1, Math.min(facts.stepRows, Math.floor(SCORED_BYTES / (4 * facts.vocabulary))));
    const { memory, limit, mapped = 0 } = facts;
    this.#memory = memory;
    this.#limit = limit;
    if (mapped === 0 || this.tokens(1) >= 1) return;
    const room = limit - (this.#fixed(1) - mapped);
    const pages = Math.floor(PAGES_SHARE * room);
    if (room - pages < memory.cacheToken) return;
    this.pages = pages;
    this.#memory = { ...memory, weights: memory.weights - mapped + pages };
  }

  /** Tokens that fit into the cache beside everything else, with `batch` sequences at once. */
  tokens(batch: number): number {
    return Math.max(0, Math.floor((this.#limit - this.#fixed(batch)) / this.#memory.cacheToken));
  }

  /**
   * Checks that the model can do anything at all.
   * @throws RetemperError OUT_OF_MEMORY
   */
  checkModel(model: string): void {
    if (this.tokens(1) >= 1) return;
    checkWeights(model, this.#memory.weights, this.#limit);
    throw new RetemperError(
      "OUT_OF_MEMORY",
      `${model} needs ${bytes(this.#bytes(1, 1))} of memory for weights and one step, and there are ${bytes(this.#limit)}`,
      { hint: "free memory, or allow more (maxMemory, --max-memory)" },
    );
  }

  /**
   * Checks a job before it starts.
   * @throws RetemperError OUT_OF_MEMORY that says what is needed, what there is, and what would fit.
   */
  check(demand: CacheDemand): CacheShare {
    const { needs, batch } = demand;
    const sorted = [...needs].sort((a, b) => b - a);
    const largest = sorted[0] ?? 0;
    if (largest > this.tokens(1)) throw this.#tooLarge(demand, largest);
    const atOnce = Math.min(batch ?? this.defaultBatch, needs.length);
    const together = sum(sorted, atOnce);
    if (batch !== undefined && together > this.tokens(atOnce)) throw this.#tooMany(sorted, atOnce);
    return { batch: batch ?? this.defaultBatch, together, largest };
  }

  /**
   * The cache for jobs that wait: never more than fits, never less than one sequence needs. Jobs that come later may be
   * served from the same cache, so it is larger than asked where memory is plenty.
   */
  size(shares: readonly CacheShare[]): CacheSize {
    const batch = Math.max(this.defaultBatch, ...shares.map((share) => share.batch));
    const largest = Math.max(0, ...shares.map((share) => share.largest));
    const together = shares.reduce((tokens, share) => tokens + share.together, 0);
    const room = this.tokens(batch);
    const usual = Math.min(batch * Math.min(this.#maxPositions, USUAL_TOKENS), Math.floor(USUAL_SHARE * room));
    const asked = Math.min(together, batch * largest);
    return { slots: batch + 1, tokens: Math.max(largest, Math.min(room, Math.max(asked, usual))) };
  }

  #tooLarge({ needs, name, newTokens }: CacheDemand, largest: number): RetemperError {
    const room = this.tokens(1);
    const who = name(needs.indexOf(largest));
    const needed = bytes(this.#bytes(1, largest));
    const fewer = newTokens - (largest - room);
    const fits = fewer > 0 ? `at most ${fewer} new tokens fit` : `${room} tokens fit`;
    return new RetemperError(
      "OUT_OF_MEMORY",
      `${who} needs ${needed} of memory for the model and ${largest} tokens, and there are ${bytes(this.#limit)}`,
      { reason: "request-size", hint: `${fits}; free memory, or allow more (maxMemory, --max-memory)` },
    );
  }

  #tooMany(sorted: readonly number[], atOnce: number): RetemperError {
    let fits = atOnce - 1;
    while (fits > 1 && sum(sorted, fits) > this.tokens(fits)) fits -= 1;
    const needed = bytes(this.#bytes(atOnce, sum(sorted, atOnce)));
    return new RetemperError(
      "OUT_OF_MEMORY",
      `${atOnce} sequences at once need ${needed} of memory, and there are ${bytes(this.#limit)}`,
      {
        reason: "request-size",
        hint: `${fits} at once fit (batch, --batch), more with fewer new tokens; or allow more memory (maxMemory, --max-memory)`,
      },
    );
  }

  #fixed(batch: number): number {
    const rows = this.#stepRows + batch;
    // Once in the engine, and once as they are handed over.
    const scored = 8 * this.#vocabulary * Math.max(0, this.scoredRows - batch);
    return this.#memory.weights + this.#memory.activations(rows, batch) + scored;
  }

  #bytes(batch: number, tokens: number): number {
    return this.#fixed(batch) + tokens * this.#memory.cacheToken;
  }
}

/** Bytes that a model may take on this machine: what is free but for a margin. */
export function memoryLimit(maxMemory: number | undefined, available: number): number {
  return maxMemory ?? available - Math.min(MOST_MARGIN, MARGIN * available);
}

/**
 * Refuses a model whose weights alone are too large, before an engine takes them.
 * @throws RetemperError OUT_OF_MEMORY
 */
export function checkWeights(model: string, weights: number, limit: number): void {
  if (weights < limit) return;
  throw new RetemperError(
    "OUT_OF_MEMORY",
    `the weights of ${model} need ${bytes(weights)} of memory, and there are ${bytes(limit)}`,
    { hint: "free memory, allow more (maxMemory, --max-memory), or take a smaller model" },
  );
}

function sum(values: readonly number[], count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += values[i] as number;
  return total;
}

function bytes(count: number): string {
  if (count < 1e6) return `${(Math.max(0, count) / 1e3).toFixed(1)} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(2)} GB`;
}
