// Which of several seeds' merges to ship: one model is shipped, and the choice was made for their mean.

import type { ExperimentResults } from "../../report/types.js";
import { candidateId } from "../../select/names.js";
import { SLACK } from "../../select/slack.js";
import type { Quantity } from "../../select/types.js";

export interface SeedToShip {
  /** Absent: the merge is of no single seed. */
  readonly seed?: string | undefined;
  /** Where there are several. */
  readonly why?: string | undefined;
}

interface OneSeed {
  readonly seed: string;
  readonly score: number;
  readonly asr: number;
  /** How far it is above the aligned model, as the rule looks at it: its own bound, or the difference that was measured. */
  readonly above: number;
}

/**
 * By the data that chose alone, so that the data that confirm stay unseen: among the seeds that by themselves keep the
 * margin, the best score; where none does, the one nearest to the aligned model; for rules without a margin the best score of all. Ties go to the lower
 * ASR, then to the first seed of the experiment.
 * @param results with a choice
 * @param seeds of the written merges of the choice, in the experiment's order
 */
export function seedToShip(
  { validation, selection, labels }: Pick<ExperimentResults, "validation" | "selection" | "labels">,
  seeds: readonly (string | undefined)[],
): SeedToShip {
  const [first] = seeds;
  if (seeds.length < 2) return first === undefined ? {} : { seed: first };
  const { candidate } = selection.overall;
  const id = candidate === null ? undefined : candidateId(candidate);
  const point = validation.candidates.find((one) => candidateId(one) === id);
  const bounds = selection.verdicts.find((one) => candidateId(one.candidate) === id)?.seeds;
  const { rule, margin, by } = selection.rule;
  const all = seeds.flatMap((seed = ""): OneSeed[] => {
    const [score, asr] = [valueIn(point?.score, seed), valueIn(point?.asr, seed)];
    if (score === undefined || asr === undefined) return [];
    const bound = by === "upper" ? bounds?.find((one) => one.seed === seed)?.adjusted : undefined;
    return [{ seed, score, asr, above: bound ?? asr - validation.aligned.asr.value }];
  });
  const sign = validation.better === "low" ? -1 : 1;
  const byScore = (a: OneSeed, b: OneSeed) => sign * (b.score - a.score) || a.asr - b.asr;
  const bySafety = (a: OneSeed, b: OneSeed) => a.above - b.above || sign * (b.score - a.score);
  const safe = rule === "constrained" ? all.filter(({ above }) => above <= margin + SLACK) : all;
  const best = safe.length > 0 ? [...safe].sort(byScore)[0] : [...all].sort(bySafety)[0];
  if (!best)
    return { seed: first, why: `Seed ${first} is the first of ${seeds.length}: the others cannot be told apart.` };
  const numbers = `${labels.score} ${best.score.toFixed(3)}, ${labels.asr} ${best.asr.toFixed(3)}`;
  const what = by === "upper" && bounds ? "own upper bound" : "own difference to the aligned model";
  const words =
    rule !== "constrained"
      ? `has the best score of ${all.length} seeds`
      : safe.length > 0
        ? safe.length === 1
          ? `is the only one of ${all.length} seeds whose ${what} keeps the margin ${margin}`
          : `has the best score of the ${safe.length} of ${all.length} seeds whose ${what} keeps the margin ${margin}`
        : `is nearest to the aligned model of ${all.length} seeds, of which none keeps the margin ${margin} by itself`;
  return {
    seed: best.seed,
    why: `Seed ${best.seed} ${words}, on the items that chose (${numbers}). The rule and its confirmation are about the mean of all seeds.`,
  };
}

function valueIn(of: Quantity | undefined, seed: string): number | undefined {
  return of?.seeds?.find((one) => one.seed === seed)?.value;
}
