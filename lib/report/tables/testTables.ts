// The tests of a run: differences between models in pairs, and slopes over lambda.

import { numberName } from "../axes.js";
import { dataOf } from "../dataNames.js";
import { pText, signed } from "../numbers.js";
import type { ExperimentResults } from "../types.js";
import type { ReportTable } from "./reportTable.js";

export function pairedTable(results: ExperimentResults): ReportTable {
  const { paired, testLabels, labels } = results;
  const names = testLabels ?? labels;
  return {
    id: "paired",
    caption: "Paired tests on the same items",
    data: dataOf(results, "test"),
    head: ["a", "b", "number", "b - a", "p", "p, Holm", "test", "items"],
    rows: paired.map(({ a, b, metric, difference, low, high, p, pHolm, test, n }) => [
      ...[a, b, numberName(metric, names)],
      `${signed(difference)} (${signed(low)} to ${signed(high)})`,
      ...[pText(p), pText(pHolm), test, String(n)],
    ]),
    note: "In brackets the 95 % intervals of these tunings, over the items. Of all these tests together, those with Holm's p below .05 call a difference that is none in at most 5 % of experiments.",
  };
}

export function trendTable(results: ExperimentResults): ReportTable {
  const { trends, labels } = results;
  return {
    id: "trends",
    caption: "Does it rise with lambda?",
    data: dataOf(results, "validation"),
    head: ["method", "number", "over lambda", "slope", "p", "p, Holm", "lambdas", "items"],
    rows: trends.map(({ method, metric, slope, low, high, p, pHolm, lambdas, items }) => [
      ...[method, numberName(metric, labels), pHolm < 0.05 ? (slope > 0 ? "rises" : "falls") : "no trend shown"],
      `${signed(slope)} (${signed(low)} to ${signed(high)})`,
      ...[pText(p), pText(pHolm), String(lambdas), String(items)],
    ]),
    note: "The mean slope of the items over the lambdas strictly between 0 and 1, as a rise from 0 to 1, with its 95 % interval; two-sided, by flipping the signs of the items' slopes. It rises or falls where Holm's p is below .05.",
  };
}
