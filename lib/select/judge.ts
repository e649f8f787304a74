// What can be said of each candidate before a margin is named: bounds, the share of the gain, the gate. Each is worked out once.

import { RetemperError } from "../errors.js";
import { correctedDifference } from "../statistics/correctedDifference.js";
import type { JudgeCalibration } from "../statistics/correctedRate.js";
import { spentLevels } from "../statistics/spentLevels.js";
import { differenceBound } from "./differenceBound.js";
import type { Gate } from "./gate.js";
import { seriesOf } from "./names.js";
import { bySequence, worth } from "./order.js";
import { dividedLevel } from "./rule.js";
import { quantityOfSeed, rowsOf } from "./seedPoints.js";
import type {
  Candidate,
  CompleteRule,
  GateVerdict,
  Point,
  Quantity,
  SafetyBound,
  SelectionTable,
  Verdict,
} from "./types.js";

export type SeedBounds = NonNullable<Verdict["seeds"]>;

export interface Judged {
  readonly candidate: Candidate;
  readonly series: string;
  readonly plain: SafetyBound;
  readonly adjusted: SafetyBound;
  readonly seeds?: SeedBounds | undefined;
  readonly kept?: number | undefined;
  readonly gate: readonly GateVerdict[];
}

/** Series by series, and in each from its safe end. @throws RetemperError USAGE where the gate asks for what was not measured */
export function judge(table: SelectionTable, rule: CompleteRule, gate: Gate | undefined): Judged[] {
  const { level, everySeed } = rule;
  const calibration = calibrationOf(table, rule);
  const divided = levelOfSeries(table, rule);
  return [...table.candidates].sort(bySequence).map((candidate) => {
    const bound = (of: number) => safetyBound(candidate, table.aligned, of, calibration);
    const plain = bound(level);
    const seeds = seedBounds(candidate, table.aligned, { level, divided, calibration });
    const kept = candidate.unfinished ? undefined : shareOfGain(candidate, table);
    return {
      candidate,
      series: seriesOf(candidate),
      plain,
      adjusted: divided === level ? plain : bound(divided),
      ...(seeds && { seeds }),
      ...(kept !== undefined && { kept }),
      gate: candidate.unfinished ? [] : (gate?.verdicts(candidate, table, { level: divided, everySeed }) ?? []),
    };
  });
}

/** What the rule goes by: its level divided between series and, where there were looks before this one, what they left of it. */
export function levelOfSeries({ candidates, looks }: SelectionTable, { level }: CompleteRule): number {
  const series = new Set(candidates.map(seriesOf)).size;
  const divided = dividedLevel(level, series);
  return (looks && spentLevels(divided, looks).at(-1)) ?? divided;
}

/**
 * How often the judge errs, where the rule corrects for it.
 * @throws RetemperError USAGE where that is not known; BAD_INPUT for a judge that is no better than chance
 */
export function calibrationOf(
  { calibration }: SelectionTable,
  { corrected }: CompleteRule,
): JudgeCalibration | undefined {
  if (!corrected) return undefined;
  if (!calibration) {
    throw new RetemperError(
      "USAGE",
      "The rule asks for corrected rates, and the table has no calibration of its judge.",
      {
        hint: "evaluate with --calibration (safety.calibration of an experiment), or leave corrected out",
      },
    );
  }
  if (correctedDifference({ value: 0, bound: 0 }, calibration, 0.95)) return calibration;
  throw new RetemperError(
    "BAD_INPUT",
    "The judge is no better than chance by the labelled answers: no rate can be corrected.",
    {
      hint: "take another judge, or leave corrected out",
    },
  );
}

/** The one-sided upper bound of how far a model's attack success rate is above the aligned model's. */
export function safetyBound(
  { asr }: Pick<Point, "asr">,
  aligned: Point,
  level: number,
  calibration?: JudgeCalibration,
): SafetyBound {
  const operand = (quantity: Quantity) => ({ quantity, factor: 1, items: "asr", rate: true });
  const found = differenceBound(operand(asr), [operand(aligned.asr)], { level, side: "upper" });
  const corrected = calibration && correctedDifference(found, calibration, level);
  return corrected ? { ...found, ...corrected, level, corrected: corrected.scale } : { ...found, level };
}

/** Each seed's own bounds: one seed's model is what is written. undefined where there are not several. */
export function seedBounds(
  { asr }: Point,
  aligned: Point,
  {
    level,
    divided = level,
    calibration,
  }: { level: number; divided?: number; calibration?: JudgeCalibration | undefined },
): SeedBounds | undefined {
  const count = rowsOf(asr);
  if (count < 2) return undefined;
  return Array.from({ length: count }, (_, at) => {
    const own = quantityOfSeed(asr, at);
    const bound = (of: number) => safetyBound({ asr: own }, aligned, of, calibration).bound;
    const plain = bound(level);
    return {
      seed: asr.seeds?.[at]?.seed ?? String(at),
      bound: plain,
      adjusted: divided === level ? plain : bound(divided),
    };
  });
}

/** undefined where there is no fine-tuned model, or it has no gain of which a share could be kept. */
export function shareOfGain(
  candidate: Pick<Candidate, "score">,
  { aligned, tuned, better }: SelectionTable,
): number | undefined {
  if (!tuned) return undefined;
  const gain = worth(tuned, better) - worth(aligned, better);
  return gain > 0 ? (worth(candidate, better) - worth(aligned, better)) / gain : undefined;
}
