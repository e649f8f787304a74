// Which points of a control's curve a merge is compared with, by the data that chose the merge.

import type { Quantity } from "../../select/types.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";

export interface CurvePoint {
  readonly score: Quantity;
  readonly asr: Quantity;
  /** Whether it is one of the control's own, and not the aligned or the fine-tuned model. */
  readonly own: boolean;
}

/**
 * "equal score": between these two points the curve has the merge's score. "best score": it never has; its own best point.
 * "nearest score": it has, but between points whose scores are not told apart; its own nearest point.
 */
export type LineAtScore<Point> =
  | { readonly at: "equal score"; readonly lower: Point; readonly upper: Point }
  | { readonly at: "best score" | "nearest score"; readonly point: Point };

/**
 * The two points, as near to each other on the curve as may be, between which the score is the merge's and whose own scores
 * are told apart (95 %, in pairs); where several are as near, those whose line is lowest there, in the control's favour.
 * @param curve from the aligned model on, in the order of how much changes
 * @param better the score's direction
 * @param mayJoin whether a line between two points is one, whatever their scores; by default it is
 * @returns undefined for a control without points
 */
export function lineAtScore<Point extends CurvePoint>(
  curve: readonly Point[],
  score: number,
  better: "high" | "low" = "high",
  mayJoin: (one: Point, other: Point) => boolean = () => true,
): LineAtScore<Point> | undefined {
  const own = curve.filter((point) => point.own);
  const [first, ...rest] = own;
  if (first === undefined) return undefined;
  const sign = better === "high" ? 1 : -1;
  const gain = ({ score: { value } }: CurvePoint) => sign * value;
  if (curve.every((point) => gain(point) < sign * score)) {
    return { at: "best score", point: rest.reduce((best, point) => (gain(point) > gain(best) ? point : best), first) };
  }
  const lines = curve.flatMap((one, at) =>
    curve.slice(at + 1).flatMap((other, more) => {
      const [lower, upper] = gain(one) <= gain(other) ? [one, other] : [other, one];
      const within = gain(lower) <= sign * score && sign * score <= gain(upper);
      if (!within || !(one.own || other.own) || !mayJoin(one, other) || !areApart(lower.score, upper.score)) return [];
      const share = (score - lower.score.value) / (upper.score.value - lower.score.value);
      return [{ lower, upper, steps: more, line: (1 - share) * lower.asr.value + share * upper.asr.value }];
    }),
  );
  const [line] = lines.sort((a, b) => a.steps - b.steps || a.line - b.line);
  if (line) return { at: "equal score", lower: line.lower, upper: line.upper };
  const off = (point: CurvePoint) => Math.abs(point.score.value - score);
  return { at: "nearest score", point: rest.reduce((near, point) => (off(point) < off(near) ? point : near), first) };
}

function areApart(a: Quantity, b: Quantity): boolean {
  const { low, high } = pairedDifference(a.values ?? [], b.values ?? [], { weights: a.weights, groups: a.groups });
  return low > 0 || high < 0;
}
