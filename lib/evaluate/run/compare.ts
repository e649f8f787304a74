// Two results side by side: differences on the same items, and how sure they are.

import { RetemperError } from "../../errors.js";
import { pairedBootstrap } from "../../statistics/bootstrap.js";
import { holm } from "../../statistics/holm.js";
import { mcnemar } from "../../statistics/mcnemar.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import { type Spread, spread } from "../../statistics/spread.js";
import { partOf } from "./itemWeights.js";
import { judgeAlarms } from "./judgeAlarms.js";
import type { ItemResult, JudgeAlarm, Measure, Results, TaskResults } from "./results.js";

export interface MetricComparison {
  readonly better: "high" | "low";
  readonly a: Measure;
  readonly b: Measure;
  /**
   * b - a over the items that both have, with its 95 % interval: Tango's where the metric is yes or no, else a paired bootstrap's.
   * null for no common item.
   */
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Two-sided: McNemar's exact test where the metric is yes or no, else the bootstrap's. */
  readonly p: number | null;
  /** Holm's, over all tests of the comparison: of those below .05 together, one is none in at most 5 % of comparisons. */
  readonly pHolm: number | null;
  readonly test: "mcnemar" | "bootstrap" | "none";
  /** Items that both have a number for. */
  readonly n: number;
}

export interface TaskComparison {
  readonly name: string;
  readonly primary: string;
  readonly metrics: Readonly<Record<string, MetricComparison>>;
  /** Items of either that the other lacks, or was asked in other words. */
  readonly unmatched: number;
}

export interface Comparison {
  readonly a: Pick<Results, "engine" | "lambda">;
  readonly b: Pick<Results, "engine" | "lambda">;
  readonly tasks: readonly TaskComparison[];
  /** Tasks that only one of them has. */
  readonly onlyA: readonly string[];
  readonly onlyB: readonly string[];
  readonly warnings: readonly string[];
  /** Why the judges' verdicts on the two may be no result. */
  readonly alarms: readonly JudgeAlarm[];
}

/**
 * Compares two evaluations on the items they share: same task, same id, same prompt.
 * @throws RetemperError BAD_INPUT where they share no task
 * @example
 * ```ts
 * import { compare, readResults } from "retemper";
 *
 * const comparison = compare(await readResults("evaluations/aligned"), await readResults("evaluations/merged"));
 * for (const { name, primary, metrics } of comparison.tasks) {
 *   const metric = metrics[primary];
 *   // merged - aligned, on the same items
 *   console.log(name, metric?.difference, metric?.p);
 * }
 * ```
 */
export function compare(a: Results, b: Results, options: { readonly seed?: number | undefined } = {}): Comparison {
  const others = new Map(b.tasks.map((task) => [task.name, task]));
  const warnings: string[] = [];
  const tasks = a.tasks.flatMap((task) => {
    const other = others.get(task.name);
    return other ? [compareTask(task, other, warnings, options.seed ?? 0)] : [];
  });
  const names = new Set(tasks.map(({ name }) => name));
  const only = (results: Results) => results.tasks.map(({ name }) => name).filter((name) => !names.has(name));
  if (tasks.length === 0) {
    throw new RetemperError("BAD_INPUT", "The two results have no task in common.", {
      hint: `the first has ${only(a).join(", ") || "none"}, the second ${only(b).join(", ") || "none"}`,
    });
  }
  const who = ({ engine, lambda }: Results) => ({ engine, lambda });
  const alarms = judgeAlarms([
    { name: "A", results: [a] },
    { name: "B", results: [b] },
  ]);
  return { a: who(a), b: who(b), tasks: withHolm(tasks), onlyA: only(a), onlyB: only(b), warnings, alarms };
}

function withHolm(tasks: readonly TaskComparison[]): TaskComparison[] {
  const all = tasks.flatMap(({ metrics }) => Object.values(metrics));
  const tests = all.filter(({ p }) => p !== null);
  const adjusted = holm(tests.map(({ p }) => p as number));
  const pHolm = new Map(tests.map((test, at) => [test, adjusted[at] as number]));
  return tasks.map((task) => ({
    ...task,
    metrics: Object.fromEntries(
      Object.entries(task.metrics).map(([name, one]) => [name, { ...one, pHolm: pHolm.get(one) ?? null }]),
    ),
  }));
}

function compareTask(a: TaskResults, b: TaskResults, warnings: string[], seed: number): TaskComparison {
  const others = new Map(b.items.map((item) => [item.id, item]));
  const pairs = a.items.flatMap((item): [ItemResult, ItemResult][] => {
    const other = others.get(item.id);
    return other && other.prompt === item.prompt ? [[item, other]] : [];
  });
  const unmatched = a.items.length + b.items.length - 2 * pairs.length;
  if (unmatched > 0) {
    warnings.push(`${a.name}: ${unmatched} items are only in one of the two, or were asked in other words.`);
  }
  if (JSON.stringify(a.decoding) !== JSON.stringify(b.decoding)) {
    warnings.push(`${a.name}: the two were asked with different settings.`);
  }
  if (a.emptyIs !== b.emptyIs) warnings.push(`${a.name}: empty answers count as something else in each of the two.`);
  const metrics: Record<string, MetricComparison> = {};
  for (const [name, ofA] of Object.entries(a.metrics)) {
    const ofB = b.metrics[name];
    if (ofB) metrics[name] = compareMetric(name, ofA, ofB, pairs, seed);
  }
  return { name: a.name, primary: a.primary, metrics, unmatched };
}

function compareMetric(
  name: string,
  a: Measure,
  b: Measure,
  pairs: readonly (readonly [ItemResult, ItemResult])[],
  seed: number,
): MetricComparison {
  const both = pairs.filter((pair) => pair.every(({ scores }) => typeof scores[name] === "number"));
  const n = both.length;
  const known = { better: a.better, a, b, n, pHolm: null };
  if (n === 0) {
    // such as a mean over categories of results that do not say which items it is made from
    const difference = a.value === null || b.value === null ? null : b.value - a.value;
    return { ...known, difference, low: null, high: null, p: null, test: "none" };
  }
  const [x, y] = [0, 1].map((side) => both.map((pair) => pair[side]?.scores[name] as number)) as [number[], number[]];
  const parts = both.map(([item]) => partOf(item, name));
  // where items count differently, how many changed sides is not the question
  const alike = parts.every(({ weight }) => weight === parts[0]?.weight);
  if (!alike || ![...x, ...y].every((value) => value === 0 || value === 1)) {
    const weights = parts.map(({ weight }) => weight);
    const groups = parts.map(({ group }) => group);
    return { ...known, ...pairedBootstrap(x, y, { seed, resamples: 5000, weights, groups }), test: "bootstrap" };
  }
  const { value: difference, low, high } = pairedDifference([x], [y]);
  const { p } = mcnemar(
    x.map((value) => value === 1),
    y.map((value) => value === 1),
  );
  return { ...known, difference, low, high, p, test: "mcnemar" };
}

/**
 * Mean and spread of each metric over several results, such as those of one recipe for each seed of the tuning.
 * @example
 * ```ts
 * import { acrossSeeds, readResults } from "retemper";
 *
 * const folders = ["evaluations/seed-42", "evaluations/seed-1024", "evaluations/seed-48763"];
 * const metrics = acrossSeeds(await Promise.all(folders.map(readResults)));
 * const asr = metrics.advbench?.asr;
 * console.log(asr?.mean, asr?.standardDeviation);
 * ```
 */
export function acrossSeeds(results: readonly Results[]): Readonly<Record<string, Readonly<Record<string, Spread>>>> {
  const values = new Map<string, Map<string, number[]>>();
  for (const task of results.flatMap((one) => one.tasks)) {
    const ofTask = values.get(task.name) ?? new Map<string, number[]>();
    values.set(task.name, ofTask);
    for (const [name, { value }] of Object.entries(task.metrics)) {
      if (value !== null) ofTask.set(name, [...(ofTask.get(name) ?? []), value]);
    }
  }
  return Object.fromEntries(
    [...values].map(([task, metrics]) => [
      task,
      Object.fromEntries([...metrics].map(([name, list]) => [name, spread(list)])),
    ]),
  );
}
