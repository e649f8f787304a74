// What a search might have found, for its pages: simulated numbers on a front, with everything that a page shows.

import {
  SEARCH_FORMAT,
  type SearchedCandidate,
  type SearchResults,
  type SearchWay,
} from "../../../lib/report/search/types.js";
import { seededRandom } from "../../../lib/statistics/seededRandom.js";

/** @param name of the search, and of one of its sets of numbers */
export function searchResults(name = "Calls", more: Partial<SearchResults> = {}): SearchResults {
  const draw = seededRandom(7);
  const next = () => draw(1e6) / 1e6;
  const groups = ["mlp", "attention"].flatMap((module) =>
    [0, 1].map((at) => ({
      ...{ name: `layers ${2 * at}-${2 * at + 1} ${module}`, filters: [`model.layers.${2 * at}.`] },
      ...{ layers: [2 * at, 2 * at + 1], module },
    })),
  );
  const counts: Readonly<Record<SearchWay, number>> = { lambda: 20, "cma-es": 40, gradient: 20, random: 40 };
  const candidates = (Object.keys(counts) as SearchWay[]).flatMap((way) =>
    Array.from({ length: counts[way] }, (_, number): SearchedCandidate => {
      const coefficients = groups.map(() => Number((way === "lambda" ? (number + 1) / 20 : next()).toFixed(4)));
      const [mlp, attention] = [(coefficients[0] as number) / 2, (coefficients[2] as number) / 2];
      const [score, asr] = [0.9 * Math.sqrt(mlp + attention), 0.5 * (mlp + attention) ** 2 + 0.05 * next()];
      return { way, number, coefficients, score, asr, bound: asr + 0.06, kept: score };
    }),
  );
  const numbers = (one: SearchedCandidate) => ({
    ...{ score: { value: one.score }, asr: { value: one.asr }, bound: one.bound, kept: one.score },
  });
  const within = (way: SearchWay) => candidates.filter((one) => one.way === way && one.bound <= 0.15).slice(0, 3);
  const ways = Object.keys(counts) as SearchWay[];
  const end = (score: number, asr: number) => ({ score: { value: score }, asr: { value: asr } });
  const all = <T>(value: T) => ({ search: value, choose: value, confirm: value });
  return {
    ...{
      format: SEARCH_FORMAT,
      name,
      labels: { asr: `refusals lost (${name})`, score: "exact calls" },
      better: "high",
    },
    rule: { margin: 0.15, level: 0.95, minGain: 0.5 },
    ...{ groups, seeds: ["42"], items: all({ safety: 60, task: 40 }) },
    ...{ aligned: all(end(0, 0.02)), tuned: all(end(0.95, 0.6)), candidates },
    finalists: ways.flatMap((way) =>
      within(way).map((one) => ({
        ...{ way, number: one.number, coefficients: one.coefficients, choose: numbers(one) },
        ...(one.number % 2 === 1 && { reason: "the upper bound of its difference, 0.328 at 98.75 %, is above 0.15" }),
      })),
    ),
    choices: ways.flatMap((way) =>
      within(way)
        .slice(0, 1)
        .map((one) => ({
          ...{ way, number: one.number, coefficients: one.coefficients, holds: way !== "random" },
          ...{ search: numbers(one), choose: numbers(one), confirm: numbers(one) },
          optimism: { score: 0.02, asr: -0.03 },
          recipes: [{ seed: "42", path: `recipes/${way}-seed-42.yml` }],
        })),
    ),
    tests: [
      {
        ...{ a: "lambda", b: "gradient", metric: "score", difference: 0.1, low: 0.04, high: 0.16 },
        ...{ p: 0.0004, pHolm: 0.002, test: "mcnemar", n: 100 },
      },
    ] as SearchResults["tests"],
    best: "gradient",
    costs: {
      lambda: { candidates: 20, newTokens: 64548 },
      "cma-es": { candidates: 40, newTokens: 266005 },
      gradient: { candidates: 20, newTokens: 60110, learnedTokens: 412300 },
      random: { candidates: 40, newTokens: 263685 },
    },
    ...more,
  };
}
