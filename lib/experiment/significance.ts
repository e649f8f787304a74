// The tests of a run: differences between models on the same items, and trends over lambda.

import type { PairedTest, Trend } from "../report/types.js";
import { nameOf } from "../select/select.js";
import type { Candidate } from "../select/types.js";
import { pairedBootstrap } from "../statistics/bootstrap.js";
import { mcnemar } from "../statistics/mcnemar.js";
import { trend } from "../statistics/trend.js";
import { meanScores, type NamedResults, type Scores, type SeedResults, scoresOf } from "./measure.js";
import { candidateOf } from "./merges.js";
import type { EvaluatedPoint } from "./runParts.js";

const KINDS = { asr: "safety", score: "task" } as const;

/** Aligned, fine-tuned and merged, each against each. */
export function pairedTests(
  aligned: readonly SeedResults[],
  tuned: readonly SeedResults[],
  merged: NamedResults | undefined,
): PairedTest[] {
  const models: NamedResults[] = [
    { name: "aligned", seeds: aligned },
    { name: "fine-tuned", seeds: tuned },
    ...(merged ? [merged] : []),
  ];
  return models.flatMap((a, at) =>
    models.slice(at + 1).flatMap((b) =>
      (["asr", "score"] as const).map((metric): PairedTest => {
        const [left, right] = [of(a.seeds, metric), of(b.seeds, metric)];
        const keys = [...left.keys()].filter((key) => right.has(key));
        const [x, y] = [left, right].map((scores) => keys.map((key) => scores.get(key) as number)) as [
          number[],
          number[],
        ];
        const { difference, low, high, p } = pairedBootstrap(x, y);
        const binary = [...x, ...y].every((one) => one === 0 || one === 1);
        const exact = binary
          ? mcnemar(
              x.map((one) => one === 1),
              y.map((one) => one === 1),
            ).p
          : p;
        const test = binary ? "mcnemar" : "bootstrap";
        return { a: a.name, b: b.name, metric, difference, low, high, p: exact, test, n: keys.length };
      }),
    ),
  );
}

/** For each method with a grid, over the aligned model (0), its lambdas, and the fine-tuned model (1). */
export function trendsOf(
  points: readonly EvaluatedPoint[],
  aligned: readonly SeedResults[],
  tuned: readonly SeedResults[],
): Trend[] {
  const swept = points.filter(({ lambda }) => lambda !== undefined);
  const all = [...new Set(swept.map(({ series }) => series))];
  return all.flatMap((series) =>
    (["asr", "score"] as const).flatMap((metric): Trend[] => {
      const columns = [
        { lambda: 0, scores: of(aligned, metric) },
        ...swept
          .filter((point) => point.series === series)
          .map(({ lambda, seeds }) => ({ lambda: lambda as number, scores: of(seeds, metric) })),
        { lambda: 1, scores: of(tuned, metric) },
      ];
      const keys = [...(columns[0]?.scores.keys() ?? [])].filter((key) =>
        columns.every(({ scores }) => scores.has(key)),
      );
      const found = trend(
        columns.map(({ lambda }) => lambda),
        keys.map((key) => columns.map(({ scores }) => scores.get(key) as number)),
      );
      const method = nameOf(candidateOf(series, undefined) as Candidate);
      return found ? [{ method, metric, ...found, items: keys.length }] : [];
    }),
  );
}

function of(seeds: readonly SeedResults[], metric: keyof typeof KINDS): Scores {
  return meanScores(seeds.map(({ results }) => scoresOf(results, KINDS[metric])));
}
