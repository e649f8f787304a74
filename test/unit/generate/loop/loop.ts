// A loop over a real decoder, driven by hand: what tests of the loop share.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadAddon } from "../../../../lib/addon/load.js";
import { openCheckpoint } from "../../../../lib/checkpoint/open.js";
import { GenerationLoop } from "../../../../lib/generate/loop/generationLoop.js";
import type {
  FinishedAnswer,
  GenerateEvents,
  GenerateWork,
  Job,
  PromptWork,
} from "../../../../lib/generate/loop/job.js";
import { Sequence } from "../../../../lib/generate/loop/sequence.js";
import { type GenerateSettings, settingsOf } from "../../../../lib/generate/settings.js";
import type { GenerateOptions } from "../../../../lib/generate/types.js";
import type { Decoder } from "../../../../lib/nn/decoder.js";
import { MemoryBudget } from "../../../../lib/nn/memory/memoryBudget.js";
import { openDecoder } from "../../../../lib/nn/openDecoder.js";

export const golden = (model: string) => join(import.meta.dirname, "../../../golden/models", model);

export const readJson = (model: string, name: string) => JSON.parse(readFileSync(join(golden(model), name), "utf8"));

export const openGolden = async (model: string): Promise<Decoder> =>
  openDecoder(await openCheckpoint(golden(model), { addon: loadAddon() }), "native");

/** What the decoder was asked to compute; it computes it all the same. */
export interface Watched {
  readonly decoder: Decoder;
  readonly steps: { readonly rows: number; readonly wanted: number; readonly slots: number }[];
  readonly caches: { readonly slots: number; readonly tokens: number }[];
  /** Tokens that each slot holds: from rows or forks, not released. */
  readonly taken: Map<number, number>;
}

export function watch(decoder: Decoder): Watched {
  const steps: Watched["steps"] = [];
  const caches: Watched["caches"] = [];
  const taken = new Map<number, number>();
  let room = 0;
  const put = (slot: number, tokens: number) => {
    taken.set(slot, (taken.get(slot) ?? 0) + tokens);
    const all = [...taken.values()].reduce((sum, held) => sum + held, 0);
    if (all > room) throw new Error(`${all} tokens in a cache of ${room}`);
  };
  return {
    steps,
    caches,
    taken,
    decoder: {
      ...decoder,
      createCache(shape) {
        caches.push(shape);
        room = shape.tokens;
        taken.clear();
        const cache = decoder.createCache(shape);
        const fork = cache.fork.bind(cache);
        const release = cache.release.bind(cache);
        cache.fork = (from, to, length) => {
          if (taken.has(to)) throw new Error(`slot ${to} is not empty`);
          if ((taken.get(from) ?? 0) < length) throw new Error(`slot ${from} does not hold ${length} tokens`);
          fork(from, to, length); // it may release what it forks to, which is empty
          put(to, length);
        };
        cache.release = (slot) => {
          taken.delete(slot);
          release(slot);
        };
        return cache;
      },
      forward(rows, cache, wanted) {
        const slots = new Set(rows.slots);
        rows.slots.forEach((slot, i) => {
          if ((taken.get(slot) ?? 0) !== rows.positions[i]) throw new Error(`slot ${slot} has a gap`);
          put(slot, 1);
        });
        steps.push({ rows: rows.ids.length, wanted: wanted.length, slots: slots.size });
        return decoder.forward(rows, cache, wanted);
      },
    },
  };
}

/** Bytes with which so many tokens fit into the cache, with `batch` sequences at once. */
export function limitFor(decoder: Decoder, stepRows: number, batch: number, tokens: number): number {
  const { memory, spec } = decoder;
  const scored = 8 * spec.vocabulary * Math.max(0, stepRows - batch);
  return memory.weights + memory.activations(stepRows + batch, batch) + scored + tokens * memory.cacheToken;
}

export interface LoopSettings {
  readonly stepRows?: number;
  readonly limit?: number;
  readonly batch?: number;
}

export function loopOver(
  decoder: Decoder,
  { stepRows = 16, limit = 1e9, batch = 8 }: LoopSettings = {},
): GenerationLoop {
  const { memory } = decoder;
  const { maxPositions, vocabulary } = decoder.spec;
  return new GenerationLoop(decoder, {
    budget: new MemoryBudget({ memory, limit, stepRows, maxPositions, vocabulary, defaultBatch: batch }),
    stepRows,
    decode: (ids) => ids.join(" "),
    sequence: (prefix, sample) => {
      const work = prefix.job.work as GenerateWork & { readonly failsAt?: number };
      let position = 0;
      const next = (logits: Float32Array) => {
        if (position++ === work.failsAt) throw new Error("no token");
        return logits.indexOf(logits.reduce((most, x) => Math.max(most, x)));
      };
      return new Sequence(prefix, work, sample, { sampler: { next }, text: undefined });
    },
  });
}

/** A job as it goes on. */
export interface Asked {
  readonly job: Job;
  readonly answers: FinishedAnswer[];
  ended: boolean;
  error: unknown;
  counts: readonly [promptTokens: number, newTokens: number];
}

export interface Ask extends GenerateOptions {
  readonly wanting?: () => boolean;
  readonly stopIds?: readonly number[];
  /** The new token that cannot be chosen. */
  readonly failsAt?: number;
}

export function ask(loop: GenerationLoop, prompts: readonly (readonly number[])[], options: Ask = {}): Asked {
  const settings: GenerateSettings = settingsOf(options);
  const asked: { -readonly [K in keyof Asked]: Asked[K] } = {
    job: undefined as unknown as Job,
    answers: [],
    ended: false,
    error: undefined,
    counts: [0, 0],
  };
  const events: GenerateEvents = {
    answer: (answer) => asked.answers.push(answer),
    end: () => {
      asked.ended = true;
    },
    failed: (error) => {
      asked.error = error;
    },
    counted: (...counts) => {
      asked.counts = counts;
    },
  };
  const works = prompts.map((ids, index): PromptWork => {
    const samples = Array.from({ length: settings.n }, (_, i) => i);
    return { index, ids: Int32Array.from(ids), variant: 0, samples, maxNewTokens: settings.maxNewTokens };
  });
  const work: GenerateWork & { readonly failsAt: number | undefined } = {
    kind: "generate",
    failsAt: options.failsAt,
    prompts: works,
    batch: settings.batch,
    settings,
    stopTokens: new Set(options.stopIds ?? []),
    wanting: options.wanting ?? (() => true),
    events,
  };
  asked.job = loop.submit(work);
  return asked;
}

/** Steps until there is nothing more to do. */
export function finish(loop: GenerationLoop): void {
  while (loop.step());
}

/** New ids of each prompt's first sample, in the order of the prompts. */
export const idsOf = ({ answers }: Asked) =>
  [...answers].sort((a, b) => a.prompt.index - b.prompt.index).map(({ ids }) => [...ids]);
