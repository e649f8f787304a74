// The tests of a run: differences between models on the same items, and slopes over lambda.

import type { Measured, PairedTest, Trend } from "../../report/types.js";
import { seriesOf } from "../../select/names.js";
import type { Quantity } from "../../select/types.js";
import { pairedBootstrap } from "../../statistics/bootstrap.js";
import { holm } from "../../statistics/holm.js";
import { itemMeans } from "../../statistics/itemMeans.js";
import { mcnemar } from "../../statistics/mcnemar.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import { slopeOverLambda } from "../../statistics/slopeOverLambda.js";
import type { EvaluatedPoint } from "../candidates/point.js";

export interface NamedModel {
  readonly name: string;
  readonly measured: Numbers;
}

type Numbers = Pick<Measured, "asr" | "score" | "overRefusal" | "skills">;

/** Every number of a model that stands for something, by its name: what is tested is counted for Holm's adjustment. */
function numbersOf({ asr, score, overRefusal, skills = {} }: Numbers): Readonly<Record<string, Quantity>> {
  return { asr, score, ...(overRefusal && { overRefusal }), ...skills };
}

/** Each model against each later one, in all numbers; Holm's adjustment is over all of them. */
export function pairedTests(models: readonly NamedModel[]): PairedTest[] {
  const tests = models.flatMap((a, at) =>
    models.slice(at + 1).flatMap((b) =>
      Object.entries(numbersOf(a.measured)).flatMap(([metric, own]): Omit<PairedTest, "pHolm">[] => {
        const other = numbersOf(b.measured)[metric];
        const tested = other && pairedTest(own, other);
        return tested ? [{ a: a.name, b: b.name, metric, ...tested }] : [];
      }),
    ),
  );
  const adjusted = holm(tests.map(({ p }) => p));
  return tests.map((test, at) => ({ ...test, pHolm: adjusted[at] as number }));
}

/** undefined where no item has a value of both. */
function pairedTest(a: Quantity, b: Quantity): Omit<PairedTest, "a" | "b" | "metric" | "pHolm"> | undefined {
  const { weights, groups } = a;
  const [left, right] = [a.values ?? [], b.values ?? []];
  const { value: difference, low, high, n } = pairedDifference(left, right, { weights, groups });
  if (n === 0) return undefined;
  const [x, y] = [itemMeans(left), itemMeans(right)];
  const both = x.flatMap((one, item) => (one === null || (y[item] ?? null) === null ? [] : [item]));
  const [first, second] = [x, y].map((means) => both.map((item) => means[item] as number)) as [number[], number[]];
  // where items count differently, how many changed sides is not the question
  const binary = !weights && [...first, ...second].every((one) => one === 0 || one === 1);
  const { p } = binary
    ? mcnemar(
        first.map((one) => one === 1),
        second.map((one) => one === 1),
      )
    : pairedBootstrap(first, second, {
        weights: weights && both.map((item) => weights[item] as number),
        groups: groups && both.map((item) => groups[item] as number),
      });
  return { difference, low, high, p, test: binary ? "mcnemar" : "bootstrap", n };
}

/**
 * For each series with two lambdas or more strictly between the aligned (0) and the fine-tuned model (1): whether the numbers
 * rise over these. The two ends are in none: they differ by what they are, and the curves of DARE and TIES do not end in the
 * fine-tuned model. Holm's adjustment is over all of them.
 */
export function trendsOf(points: readonly EvaluatedPoint[]): Trend[] {
  const between = points.filter(({ series, value }) => !series.varied && value !== undefined && value > 0 && value < 1);
  const trends = [...new Set(between.map(({ series }) => series))].flatMap((series) => {
    const own = between.filter((point) => point.series === series);
    const method = seriesOf(series);
    const [first] = own as [EvaluatedPoint];
    return Object.entries(numbersOf(first.measured)).flatMap(
      ([metric, { weights, groups }]): Omit<Trend, "pHolm">[] => {
        const slope = slopeOverLambda(
          own.map(({ measured }) => numbersOf(measured)[metric]?.values ?? []),
          own.map(({ value }) => value as number),
          { weights, groups },
        );
        if (!slope) return [];
        const { value, low, high, p, n } = slope;
        return [{ method, metric, slope: value, low, high, p, items: n, lambdas: own.length }];
      },
    );
  });
  const adjusted = holm(trends.map(({ p }) => p));
  return trends.map((trend, at) => ({ ...trend, pHolm: adjusted[at] as number }));
}
