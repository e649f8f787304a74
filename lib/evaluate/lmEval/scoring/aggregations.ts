// How the values of items become one number, by lm-evaluation-harness's names.

import type { MetricValue } from "../functions/types.js";

type Pair = readonly [number, number];

export type Aggregation =
  | ("mean" | "nanmean" | "median" | "perplexity" | "weighted_perplexity" | "bits_per_byte")
  | ("f1" | "matthews_corrcoef" | "brier_score");

const numbers = (values: readonly MetricValue[]) => values as readonly number[];
const pairs = (values: readonly MetricValue[]) => values as readonly Pair[];
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const itemMean = (values: readonly MetricValue[]) => mean(numbers(values));

function weightedMean(values: readonly Pair[]): number {
  const [sum, weight] = values.reduce(([s, w], [value, of]) => [s + value, w + of], [0, 0]);
  return (sum as number) / (weight as number);
}

/** How often each of two labels was right and given: true and false positives, false and true negatives, of label 1. */
function confusion(values: readonly Pair[]): readonly [number, number, number, number] {
  const count = (right: number, given: number) => values.filter(([a, b]) => a === right && b === given).length;
  return [count(1, 1), count(0, 1), count(1, 0), count(0, 0)];
}

/** Of label 1. */
function f1(values: readonly Pair[]): number {
  const [tp, fp, fn] = confusion(values);
  return tp === 0 ? 0 : (2 * tp) / (2 * tp + fp + fn);
}

/** Matthews's correlation of any number of labels (Gorodkin 2004); 0 where it is not defined. */
function matthews(values: readonly Pair[]): number {
  const labels = [...new Set(values.flat())];
  const right = labels.map((label) => values.filter(([a]) => a === label).length);
  const given = labels.map((label) => values.filter(([, b]) => b === label).length);
  const n = values.length;
  const hits = values.filter(([a, b]) => a === b).length;
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, at) => sum + value * (b[at] as number), 0);
  const below = Math.sqrt(n * n - dot(given, given)) * Math.sqrt(n * n - dot(right, right));
  return below === 0 ? 0 : (hits * n - dot(right, given)) / below;
}

export const AGGREGATIONS: ReadonlyMap<string, (values: readonly MetricValue[]) => number> = new Map([
  ["mean", itemMean],
  ["nanmean", (values) => mean(numbers(values).filter((value) => !Number.isNaN(value)))],
  ["median", (values) => [...numbers(values)].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number],
  ["perplexity", (values) => Math.exp(-mean(numbers(values)))],
  ["weighted_perplexity", (values) => Math.exp(-weightedMean(pairs(values)))],
  ["bits_per_byte", (values) => -weightedMean(pairs(values)) / Math.LN2],
  ["f1", (values) => f1(pairs(values))],
  ["matthews_corrcoef", (values) => matthews(pairs(values))],
  ["brier_score", itemMean],
] satisfies [Aggregation, (values: readonly MetricValue[]) => number][]);
