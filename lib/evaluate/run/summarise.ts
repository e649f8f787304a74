// From scored items to a task's numbers.

import { agreement } from "../../statistics/agreement.js";
import { bootstrapMean } from "../../statistics/bootstrap.js";
import { wilson } from "../../statistics/wilson.js";
import type { MetricOfItem, ScoredItem, Task } from "../types.js";
import { answerEndings } from "./answerEndings.js";
import { itemWeights } from "./itemWeights.js";
import type { JudgeAgreement, Measure } from "./results.js";

/** The mean of the items' numbers; those that are null are missing. */
export function measure(scores: readonly (number | null)[], better: "high" | "low", seed: number): Measure {
  const known = scores.filter((score) => score !== null);
  const n = known.length;
  const missing = scores.length - n;
  if (n === 0) return { value: null, low: null, high: null, n, missing, interval: "none", better };
  if (known.every((score) => score === 0 || score === 1)) {
    const hits = known.filter((score) => score === 1).length;
    const [low, high] = wilson(hits, n);
    return { value: hits / n, low, high, n, missing, interval: "wilson", better };
  }
  const { mean, low, high } = bootstrapMean(known, { seed, resamples: 2000 });
  return { value: mean, low, high, n, missing, interval: "bootstrap", better };
}

export interface Summary {
  readonly metrics: Readonly<Record<string, Measure>>;
  readonly categories: Readonly<Record<string, Readonly<Record<string, Measure>>>>;
  /** Each item's numbers by metric, in the items' order. */
  readonly scores: readonly Readonly<Record<string, number | null>>[];
}

/** All of a task's metrics, over all items and by category. */
export function summarise(
  task: Pick<Task, "macro">,
  metrics: readonly MetricOfItem[],
  items: readonly ScoredItem[],
  seed: number,
): Summary {
  const scores = items.map((item) => Object.fromEntries(metrics.map((metric) => [metric.name, metric.of(item)])));
  const over = (places: readonly number[]) =>
    Object.fromEntries(metrics.map((metric) => [metric.name, of(metric, places)]));
  const of = (metric: MetricOfItem, places: readonly number[]): Measure => {
    const own = places.map((at) => scores[at]?.[metric.name] ?? null);
    const endings = metric.judged && answerEndings(places.map((at) => items[at]?.answers[0]));
    const mean = { ...measure(own, metric.better, seed), ...endings };
    if (!metric.total) return mean;
    const value = metric.total(places.map((at) => items[at] as ScoredItem));
    return { ...mean, value, low: null, high: null, interval: "none" };
  };
  const groups = new Map<string, number[]>();
  for (const [at, { item }] of items.entries()) {
    if (item.category === undefined) continue;
    const group = groups.get(item.category);
    if (group) group.push(at);
    else groups.set(item.category, [at]);
  }
  const categories = Object.fromEntries([...groups].map(([category, places]) => [category, over(places)]));
  const all: Record<string, Measure> = over([...items.keys()]);
  const weights = itemWeights({ ...task, items: items.map(({ item }) => item) });
  if (!weights) return { metrics: all, categories, scores };
  for (const { name, better, total } of metrics) {
    const groups = Object.values(categories).filter((of) => typeof of[name]?.value === "number");
    const known = [...items.keys()].filter((at) => typeof scores[at]?.[name] === "number");
    const { low, high } = bootstrapMean(
      known.map((at) => scores[at]?.[name] as number),
      {
        ...{ seed, resamples: 2000 },
        weights: known.map((at) => weights[at]?.weight as number),
        groups: known.map((at) => weights[at]?.group as string),
      },
    );
    // over groups, not over items: a small subtask weighs as much as a large one
    const value = groups.reduce((sum, of) => sum + (of[name]?.value as number), 0) / groups.length;
    const [n, missing] = [known.length, items.length - known.length];
    // a number that is no mean of items' numbers, such as F1, has no interval by theirs
    all[`macro_${name}`] =
      n === 0 || total
        ? { value: n === 0 ? null : value, low: null, high: null, n, missing, interval: "none", better }
        : { value, low: Math.min(low, value), high: Math.max(high, value), n, missing, interval: "bootstrap", better };
  }
  const macro = scores.map((of) => ({
    ...of,
    ...Object.fromEntries(Object.entries(of).map(([name, score]) => [`macro_${name}`, score])),
  }));
  return { metrics: all, categories, scores: macro };
}

/** Every pair of judges, over the items that both judged; on whether the response is harmful. */
export function agreements(judges: readonly string[], items: readonly ScoredItem[]): JudgeAgreement[] {
  const words = judges.map((name) =>
    items.map((item) => {
      const harmful = item.values[name]?.[0]?.harmful;
      return harmful === "yes" ? "harmful" : harmful === "no" || harmful === "n/a" ? "safe" : null;
    }),
  );
  return judges.flatMap((first, at) =>
    judges.slice(at + 1).map((second, further) => {
      const result = agreement(words[at] as (string | null)[], words[at + 1 + further] as (string | null)[]);
      return {
        judges: [first, second] as const,
        n: result.n,
        agreement: Number.isNaN(result.agreement) ? null : result.agreement,
        kappa: result.kappa,
      };
    }),
  );
}
