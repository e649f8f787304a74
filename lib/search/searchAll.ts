// The ways to search, on the set that is searched by: the plain lambda, CMA-ES, by gradient, and as many points at random as CMA-ES had.

import { type SearchedCandidate, type SearchResults, type SearchWay, WAYS } from "../report/search/types.js";
import type { Measured } from "../report/types.js";
import { shareOfGain } from "../select/judge.js";
import { worth } from "../select/order.js";
import { dividedLevel } from "../select/rule.js";
import type { CompleteRule } from "../select/types.js";
import type { GradientWay } from "./gradient/openGradient.js";
import { rounded } from "./groups.js";
import type { SearchEnds } from "./measureEnds.js";
import { measureMerges } from "./measureMerges.js";
import type { OpenSearch } from "./openSearch.js";
import { searchedBound } from "./searchedBound.js";
import { type MeasurePoints, searchAtRandom, searchByCmaEs } from "./searchLoop.js";

/** Places at which the plain lambda is tried, evenly over the range; its lower end, the aligned model, is none. */
export const LAMBDAS = 20;

export type MeasuredCandidates = SearchedCandidate & { readonly worth: number; readonly measured: Measured };

/** What was found, in the order in which it was asked, and what it took. */
export interface Found {
  readonly candidates: readonly MeasuredCandidates[];
  readonly costs: SearchResults["costs"];
}

/** @param ways how many there are, between which the level is divided */
export async function searchAll(
  opened: OpenSearch,
  ends: SearchEnds,
  { margin, level: whole, everySeed }: CompleteRule,
  { ways, gradient }: { readonly ways: number; readonly gradient: GradientWay | undefined },
): Promise<Found> {
  const { settings, search, tuned, groups, measuring, graph, progress, better } = opened;
  const { candidates: most, tokens: mostTokens, minutes, range, seed, population } = search;
  // of the choice, where ways share the level: what is searched for is what will be asked of it
  const level = dividedLevel(whole, ways);
  const parts = { aligned: settings.aligned, tuned, groups, measuring, graph };
  progress.measured("aligned", ends.aligned);
  progress.measured("tuned", ends.tuned);
  const found: MeasuredCandidates[] = [];
  const costs = {} as Record<SearchWay, { candidates: number; newTokens: number; learnedTokens?: number }>;

  /** @param limited whether the budget of tokens and minutes ends it */
  const measuringOf = (way: SearchWay, limited: boolean): MeasurePoints => {
    let seconds = 0;
    costs[way] = { candidates: 0, newTokens: 0 };
    const own = costs[way];
    return async (points, round) => {
      const isSpent = own.newTokens >= (mostTokens ?? Infinity) || seconds >= 60 * (minutes ?? Infinity);
      if (limited && isSpent) return undefined;
      const of = await measureMerges(parts, points, ends, `${way} round ${round + 1}`, WAYS[way]);
      seconds += of.seconds;
      own.newTokens += of.newTokens;
      const standing = of.measured.map((measured) => ({
        worth: worth(measured, better),
        bound: searchedBound(measured, ends.aligned, { level, everySeed }),
      }));
      for (const [at, coefficients] of points.entries()) {
        const measured = of.measured[at] as Measured;
        const { worth: value, bound } = standing[at] as (typeof standing)[number];
        const [score, asr] = [measured.score.value, measured.asr.value];
        const kept = shareOfGain(measured, { ...ends, better, candidates: [] });
        const named = { way, number: own.candidates++, coefficients, ...(kept !== undefined && { kept }) };
        found.push({ ...named, score, asr, bound, worth: value, measured });
      }
      const soFar = found.map(({ way: of, number, score, asr, bound }) => ({ way: of, number, score, asr, bound }));
      progress.searched({ margin, points: soFar });
      return standing;
    };
  };

  const [low, high] = range;
  const lambdas = Array.from({ length: LAMBDAS }, (_, at) => low + ((high - low) * (at + 1)) / LAMBDAS);
  await measuringOf("lambda", false)(
    lambdas.map((lambda) => rounded(groups.map(() => lambda))),
    0,
  );
  const options = { dimensions: groups.length, candidates: most, range, margin, seed, population };
  await searchByCmaEs(measuringOf("cma-es", true), options);
  if (gradient) {
    const { points, learnedTokens } = await gradient.learn();
    await measuringOf("gradient", false)(points, 0);
    costs.gradient.learnedTokens = learnedTokens;
  }
  const spent = costs["cma-es"].candidates;
  await searchAtRandom(measuringOf("random", false), { ...options, candidates: spent });
  return { candidates: found, costs };
}
