// Whether a method beats the plain lambda: its best merge by the data that choose, beside the line through the plain merges, at equal
// task score and at equal safety.

import type { BesideLinear, BesideLinearResults, EqualNumber } from "../../report/besideLinearTypes.js";
import { SLACK } from "../../select/slack.js";
import type { Better, Labels, Quantity } from "../../select/types.js";
import { differenceAtEqualScore } from "../../statistics/differenceAtEqualScore.js";
import { holm } from "../../statistics/holm.js";
import type { TaskAndSafety } from "../tables/numbersByTuning.js";
import { type CurvePoint, lineAtScore } from "./lineAtScore.js";

/** A method's point, and the two points of the plain line that it is compared with. */
export interface BesideLine<Point> {
  readonly point: Point;
  readonly lower: Point;
  readonly upper: Point;
}

/** A point of the plain line: 0 is the aligned model, 1 the fine-tuned one. */
export type PlainPoint<Point> = Point & { readonly lambda: number };

/**
 * Where neighbours are not told apart, points that are farther from each other, by lambda, are joined only where no plain merge between
 * them lies farther below their line: else, as where the score hardly rises any more, it lies well above the curve, and merges that are
 * no better would seem to be.
 */
const MOST_APART = 0.1;
const MOST_ABOVE = 0.02;

/** Below this a difference is called one. */
const ALPHA = 0.05;

/** The other number, which is compared. */
const comparedWith = { score: "asr", safety: "score" } as const;
const equalised = { score: "score", safety: "asr" } as const;

/**
 * Of a method's points on the data that choose, the one that is farthest on the better side of the plain line. The line is straight between
 * the points that `lineAtScore` takes.
 * @param line the plain merges in the order of lambda, the aligned and the fine-tuned model at its ends
 * @returns undefined where no point has a number at which the line is known: it is beyond its ends, or hardly moves there
 */
export function pickBeside<Point extends TaskAndSafety>(
  points: readonly Point[],
  line: readonly PlainPoint<Point>[],
  equal: EqualNumber,
  better: Better,
): BesideLine<Point> | undefined {
  // as a rate that is better when it is low, which is how lineAtScore breaks ties in the line's favour
  const cost = (point: Point) => {
    const { value } = point[comparedWith[equal]];
    return equal === "safety" && better === "high" ? -value : value;
  };
  const curve = line.map((point, at) => ({
    ...{ score: point[equalised[equal]], asr: { value: cost(point) }, own: true, point, at },
  }));
  type Known = (typeof curve)[number];
  const mayJoin = (one: Known, other: Known) =>
    other.at - one.at === 1 ||
    other.point.lambda - one.point.lambda <= MOST_APART + SLACK ||
    curve
      .slice(one.at + 1, other.at)
      .every((inner) => costAt(one, other, inner.score.value) - inner.asr.value <= MOST_ABOVE);
  let best: (BesideLine<Point> & { readonly gain: number }) | undefined;
  for (const point of points) {
    const { value } = point[equalised[equal]];
    const found = lineAtScore(curve, value, equal === "score" ? better : "high", mayJoin);
    if (found?.at !== "equal score") continue;
    const { lower, upper } = found;
    const gain = costAt(lower, upper, value) - cost(point);
    if (!best || gain > best.gain) best = { point, lower: lower.point, upper: upper.point, gain };
  }
  return best && { point: best.point, lower: best.lower, upper: best.upper };
}

/** On the straight line through two points. */
function costAt(one: CurvePoint, other: CurvePoint, score: number): number {
  const share = (score - one.score.value) / (other.score.value - one.score.value);
  return (1 - share) * one.asr.value + share * other.asr.value;
}

/** Points that keep so much of the fine-tuned model's gain that somebody might ship them. */
export function usefulPoints<Point extends TaskAndSafety>(
  points: readonly Point[],
  { aligned, tuned }: { readonly aligned: TaskAndSafety; readonly tuned: TaskAndSafety },
  { minGain, better }: { readonly minGain: number; readonly better: Better },
): Point[] {
  const gain = tuned.score.value - aligned.score.value;
  if (!(better === "high" ? gain > 0 : gain < 0)) return [...points];
  return points.filter(({ score }) => (score.value - aligned.score.value) / gain >= minGain - SLACK);
}

interface Tested extends BesideLine<TaskAndSafety & { readonly name: string }> {
  readonly method: string;
  readonly equal: EqualNumber;
}

/** On the data that confirm; without verdict, which `withHolm` adds. */
export function besideLine({ method, equal, point, lower, upper }: Tested): BesideLinear {
  const about = { method, equal, point: point.name, between: [lower.name, upper.name] } as const;
  const three = (number: "score" | "asr") => {
    const values = ({ [number]: of }: TaskAndSafety) => of.values ?? [];
    const { weights, groups } = point[number];
    return { merged: values(point), lower: values(lower), upper: values(upper), weights, groups };
  };
  const compared = three(comparedWith[equal]);
  if (!isWithin([compared.merged, compared.lower, compared.upper])) {
    return { ...about, why: "the task's score is no share: there is no interval for it here" };
  }
  const found = differenceAtEqualScore({ score: three(equalised[equal]), compared });
  if (!found) return { ...about, why: "the line's two points are not told apart on the items that confirm" };
  const { value, line, n, newLow, newHigh, newP, share, low, high, p } = found;
  // a merge of all tunings says nothing of what it would be of others
  const fresh = compared.merged.length > 1 && newP !== undefined ? { newLow, newHigh, newP } : {};
  return { ...about, merged: value + line, line, share, difference: value, low, high, p, ...fresh, items: n };
}

function isWithin(tables: readonly NonNullable<Quantity["values"]>[]): boolean {
  return tables.flat(2).every((value) => value === null || (value >= 0 && value <= 1));
}

/** With Holm's p over all tests of a new tuning, verdicts by it, and a sentence. A test of these tunings alone says nothing of the method. */
export function withHolm(
  rows: readonly BesideLinear[],
  { better, labels }: { readonly better: Better; readonly labels: Labels },
): BesideLinearResults {
  const tested = rows.filter(({ newP }) => newP !== undefined);
  const adjusted = holm(tested.map(({ newP }) => newP as number));
  const judged = rows.map((row): BesideLinear => {
    const newPHolm = adjusted[tested.indexOf(row)];
    if (newPHolm === undefined) return row;
    const lower = (row.difference as number) < 0;
    const isBetter = row.equal === "safety" && better === "high" ? !lower : lower;
    return { ...row, newPHolm, verdict: newPHolm >= ALPHA ? "not shown" : isBetter ? "better" : "worse" };
  });
  return { sentence: sentenceOf(judged, labels), rows: judged };
}

function sentenceOf(rows: readonly BesideLinear[], labels: Labels): string {
  const said = (["score", "safety"] as const).map((equal) => {
    const own = rows.filter((row) => row.equal === equal);
    const named = (verdict: BesideLinear["verdict"]) => own.filter((row) => row.verdict === verdict);
    const open = named(undefined);
    const words = [
      [named("better"), "shown to be better"],
      [named("worse"), "shown to be worse"],
      [named("not shown"), "no difference shown"],
      [open.filter(({ difference }) => difference !== undefined), "compared of these tunings alone"],
      [open.filter(({ difference }) => difference === undefined), "not compared"],
    ] as const;
    const told = words
      .filter(([all]) => all.length > 0)
      .map(([all, text]) => `${text}: ${all.map(({ method }) => method).join(", ")}`);
    const [same, other] = equal === "score" ? [labels.score, labels.asr] : [labels.asr, labels.score];
    return `At equal ${same}, by ${other}: ${told.join("; ")}.`;
  });
  return said.join(" ");
}
