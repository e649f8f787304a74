// From evaluations of one merge for several seeds to the numbers of a table.

import { RetemperError } from "../errors.js";
import { type ItemWeight, partOf } from "../evaluate/run/itemWeights.js";
import type { Results, TaskResults } from "../evaluate/run/results.js";
import type { Measured } from "../report/types.js";
import type { Quantity } from "../select/types.js";
import { bootstrapMean } from "../statistics/bootstrap.js";
import { wilson } from "../statistics/wilson.js";
import { endingsOf } from "./endings.js";

/** One seed's evaluation; "all" for a merge of all seeds. */
export interface SeedResults {
  readonly seed: string;
  readonly results: Results;
}

/** One model of the tables, with its results for each seed. */
export interface NamedResults {
  readonly name: string;
  readonly seeds: readonly SeedResults[];
}

/** By item, "task/id": its score. */
export type Scores = ReadonlyMap<string, number>;

/** @throws RetemperError BAD_INPUT where there is no number to choose by */
export function measure(seeds: readonly SeedResults[], straightShare?: number): Measured {
  const of = (kind: TaskResults["kind"], category?: string) =>
    quantityOf(
      seeds.map(({ seed, results }) => ({ seed, scores: scoresOf(results, kind, category) })),
      partsOf(seeds, kind),
    );
  const [score, asr] = [of("task"), of("safety")];
  if (!score || !asr) {
    throw new RetemperError("BAD_INPUT", `nothing could be measured of ${score ? "the safety sets" : "the task"}`, {
      hint: "give safety.sets a set of requests that should be refused, and task sets with answers",
    });
  }
  const first = seeds[0]?.results.tasks ?? [];
  const names = first.filter(({ kind }) => kind === "safety").flatMap(({ categories }) => Object.keys(categories));
  const pairs = [...new Set(names)].map((name) => [name, of("safety", name)] as const);
  const metrics = first.flatMap(({ name, metrics: all }) =>
    Object.keys(all).map((metric) => [`${name}: ${metric}`, metricOf(seeds, name, metric)] as const),
  );
  const there = (list: readonly (readonly [string, Quantity | undefined])[]) =>
    Object.fromEntries(list.filter((pair): pair is readonly [string, Quantity] => pair[1] !== undefined));
  return {
    score,
    asr,
    categories: there(pairs),
    metrics: there(metrics),
    ...endingsOf(seeds),
    ...(straightShare !== undefined && { straightShare }),
  };
}

/** Each item's part of its task's primary metric; items without a verdict are left out. */
export function scoresOf(results: Results, kind: TaskResults["kind"], category?: string): Scores {
  const scores = new Map<string, number>();
  for (const task of results.tasks) {
    if (task.kind !== kind || task.selectedBy !== undefined) continue;
    for (const item of task.items) {
      const score = item.scores[task.primary];
      if (typeof score !== "number" || (category !== undefined && item.category !== category)) continue;
      scores.set(`${task.name}/${item.id}`, score);
    }
  }
  return scores;
}

/**
 * By item, "task/id": how much it counts, and what it is resampled with. Where a task's number is a mean over groups, such as
 * BBH's over its subtasks, its items count as in that mean; all tasks count by their numbers of items.
 */
function partsOf(seeds: readonly SeedResults[], kind: TaskResults["kind"]): ReadonlyMap<string, ItemWeight> {
  const parts = new Map<string, ItemWeight>();
  for (const { name, primary, items } of seeds[0]?.results.tasks.filter((task) => task.kind === kind) ?? []) {
    const own = items.map((item) => partOf(item, primary));
    const scale = items.length / own.reduce((sum, { weight }) => sum + weight, 0);
    for (const [at, { weight, group }] of own.entries()) {
      parts.set(`${name}/${items[at]?.id}`, { weight: weight * scale, group: `${name}/${group}` });
    }
  }
  // without groups all items are drawn from one pool, whichever task they are of
  return [...parts.values()].every(({ weight }) => weight === 1) ? new Map() : parts;
}

/** Means over the items of all seeds: the mean of an item's outcomes is one observation. */
export function meanScores(all: readonly Scores[]): Scores {
  const [first = new Map<string, number>(), ...others] = all;
  const shared = [...first.keys()].filter((key) => others.every((one) => one.has(key)));
  return new Map(shared.map((key) => [key, all.reduce((sum, one) => sum + (one.get(key) as number), 0) / all.length]));
}

/** The mean of each seed's own mean: an item without a verdict is missing from its seed, and not from the others. */
function quantityOf(
  seeds: readonly { readonly seed: string; readonly scores: Scores }[],
  parts: ReadonlyMap<string, ItemWeight>,
): Quantity | undefined {
  if (seeds.length === 0 || seeds.some(({ scores }) => scores.size === 0)) return undefined;
  const bySeed = seeds.map(({ seed, scores }) => ({ seed, value: weightedMean(scores, parts) }));
  const value = mean(bySeed.map((one) => one.value));
  const rates =
    parts.size === 0 && seeds.every(({ scores }) => [...scores.values()].every((one) => one === 0 || one === 1));
  const { low, high } = rates ? rateBounds(value, seeds) : meanBounds(seeds, parts);
  return { value, low: Math.min(low, value), high: Math.max(high, value), seeds: bySeed };
}

function weightedMean(scores: Scores, parts: ReadonlyMap<string, ItemWeight>): number {
  let [sum, total] = [0, 0];
  for (const [key, score] of scores) {
    const weight = parts.get(key)?.weight ?? 1;
    sum += weight * score;
    total += weight;
  }
  return sum / total;
}

/** The same items are asked for every seed: they are the trials, however many seeds there are, and successes are no whole number. */
function rateBounds(rate: number, seeds: readonly { readonly scores: Scores }[]) {
  const trials = Math.min(...seeds.map(({ scores }) => scores.size));
  const [low, high] = wilson(Math.min(trials, rate * trials), trials);
  return { low, high };
}

/** Of each item, the mean of what its seeds say of it. */
function meanBounds(seeds: readonly { readonly scores: Scores }[], parts: ReadonlyMap<string, ItemWeight>) {
  const keys = [...new Set(seeds.flatMap(({ scores }) => [...scores.keys()]))];
  return bootstrapMean(
    keys.map((key) => mean(seeds.flatMap(({ scores }) => scores.get(key) ?? []))),
    {
      weights: keys.map((key) => parts.get(key)?.weight ?? 1),
      groups: keys.map((key) => parts.get(key)?.group ?? ""),
    },
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function metricOf(seeds: readonly SeedResults[], task: string, metric: string): Quantity | undefined {
  const values = seeds.map(({ seed, results }) => {
    const found = results.tasks.find(({ name }) => name === task)?.metrics[metric];
    return { seed, value: found?.value ?? Number.NaN, low: found?.low, high: found?.high };
  });
  if (values.some(({ value }) => Number.isNaN(value))) return undefined;
  const value = mean(values.map((one) => one.value));
  const [only] = values;
  const interval =
    values.length === 1 && typeof only?.low === "number" && typeof only.high === "number"
      ? { low: only.low, high: only.high }
      : {};
  return { value, ...interval, seeds: values.map(({ seed, value: one }) => ({ seed, value: one })) };
}
