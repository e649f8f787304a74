// The columns of the page: where each stands, and what was answered there.

import { type Signal, signal } from "@preact/signals";
import type { AnswerEvent, PlayCandidate, PlayFacts, PlayPoint, Verdict } from "../types.js";

export const MOST_COLUMNS = 9;

export type AnswerToken = Omit<Extract<AnswerEvent, { readonly id: number }>, "point">;

/** An answer as far as it has come. */
export interface Answer {
  /** Where and of what it was asked. */
  readonly point: PlayPoint;
  readonly asked: string;
  readonly tokens: readonly AnswerToken[];
  readonly state: "writing" | "complete" | "stopped" | "failed";
  /** Of a complete one: its whole text, and whether the number of tokens ended it. */
  readonly text?: string;
  readonly cut?: boolean;
  readonly verdict?: Verdict;
}

export interface Column {
  readonly id: number;
  /** What the experiment calls it, as long as it stands where it was opened. */
  readonly label: string;
  readonly openedAt: PlayPoint;
  readonly point: Signal<PlayPoint>;
  /** The last one stays until the first token of the next has come. */
  readonly answer: Signal<Answer | undefined>;
  /** Asked, and nothing has come yet. */
  readonly waiting: Signal<boolean>;
  /** Why this point cannot be asked. */
  readonly problem: Signal<string | undefined>;
}

let made = 0;

export function newColumn(point: PlayPoint, label = ""): Column {
  made += 1;
  return {
    ...{ id: made, label, openedAt: point, point: signal(point) },
    ...{ answer: signal<Answer | undefined>(undefined), waiting: signal(false), problem: signal<string | undefined>() },
  };
}

/** What the page begins with: the ends and the middle, or what was named at the start; of weights, each alone and all together. */
export function firstPoints({ lambdaRange, lambdas = [], weightNames }: PlayFacts): PlayPoint[] {
  if (lambdaRange) {
    const [least, most] = lambdaRange;
    const named = lambdas.filter((lambda) => lambda >= least && lambda <= most);
    const some = named.length > 0 && named.length <= 4 ? named : [least, rounded(least + 0.4 * (most - least)), most];
    return some.map((lambda) => ({ lambda }));
  }
  if (!weightNames) return [{}];
  const alone = weightNames
    .slice(0, MOST_COLUMNS - 1)
    .map((only) => weightsOf(weightNames, (name) => +(name === only)));
  return [...alone, weightsOf(weightNames, () => rounded(1 / weightNames.length))];
}

/** Nine, evenly over the whole range. */
export function ninePoints(range: readonly [number, number]): PlayPoint[] {
  return evenly(range, MOST_COLUMNS).map((lambda) => ({ lambda }));
}

/** So many values evenly over the range: its ends as they are, since rounded ones may lie outside of it. */
export function evenly([least, most]: readonly [number, number], count: number): number[] {
  const between = Array.from({ length: count - 2 }, (_, at) => least + ((at + 1) * (most - least)) / (count - 1));
  return [least, ...between.map(rounded), most];
}

/** In the middle of the widest gap between the lambdas that are there; of weights, what the last column has. */
export function nextPoint(points: readonly PlayPoint[], { lambdaRange }: PlayFacts): PlayPoint {
  if (!lambdaRange) return points.at(-1) ?? {};
  const taken = points.map(({ lambda = 0 }) => lambda);
  const places = [...new Set([...lambdaRange, ...taken])].sort((a, b) => a - b);
  for (const end of lambdaRange) if (!taken.includes(end)) return { lambda: end };
  const gaps = places.slice(1).map((place, at) => [place - (places[at] as number), places[at] as number] as const);
  const [wide, from] = gaps.reduce((best, gap) => (gap[0] > best[0] ? gap : best));
  return { lambda: rounded(from + wide / 2) };
}

/** A candidate between the aligned and the fine-tuned model. */
export function besides(
  candidate: PlayCandidate,
  ends: readonly (PlayCandidate | undefined)[],
): { readonly point: PlayPoint; readonly label: string }[] {
  const [aligned, fineTuned] = ends;
  return [...new Set([aligned, candidate, fineTuned])].filter((one) => one !== undefined);
}

function weightsOf(names: readonly string[], weightOf: (name: string) => number): PlayPoint {
  return { weights: Object.fromEntries(names.map((name) => [name, weightOf(name)])) };
}

function rounded(value: number): number {
  return Number(value.toFixed(4));
}
