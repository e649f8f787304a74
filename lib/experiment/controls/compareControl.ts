// Whether the chosen merge is lower than a control at the same task score, in numbers and in one sentence.

import type { ControlComparison } from "../../report/types.js";
import type { Labels, Quantity } from "../../select/types.js";
import { intervalText, rateText } from "../../select/words.js";
import { differenceAtEqualScore } from "../../statistics/differenceAtEqualScore.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import { type ControlKind, controlFacts } from "../settings/controlKinds.js";
import type { LineAtScore } from "./lineAtScore.js";

/** What was measured on the data that confirm; a row of values for each tuning, or one. */
export interface TestedPoint {
  readonly name: string;
  readonly score: Quantity;
  readonly asr: Quantity;
  /** Of a control's point: whether it is the aligned model, where every control's curve begins. */
  readonly isAligned?: boolean | undefined;
}

interface Compared {
  readonly kind: ControlKind;
  readonly merged: TestedPoint;
  /** The points by the data that chose, measured on the data that confirm. */
  readonly line: LineAtScore<TestedPoint>;
  readonly labels: Labels;
  readonly better: "high" | "low";
}

/** Without Holm's p, which is of all controls together: `withVerdicts` adds it, and the sentence's end. */
export function compareControl({ kind, merged, line, labels, better }: Compared): ControlComparison {
  const name = controlFacts(kind).words;
  const { weights, groups } = merged.asr;
  const of = (metric: "score" | "asr", point: TestedPoint): SeedValues => point[metric].values ?? [];
  if (line.at === "equal score") {
    const { lower, upper } = line;
    const three = (metric: "score" | "asr") => ({
      merged: of(metric, merged),
      lower: of(metric, lower),
      upper: of(metric, upper),
      weights: merged[metric].weights,
      groups: merged[metric].groups,
    });
    const found = differenceAtEqualScore({ score: three("score"), compared: three("asr") });
    if (found) {
      const { value, low, high, p, share, n } = found;
      // a merge of all tunings says nothing of what it would be of others
      const { newLow, newHigh }: Partial<typeof found> = of("asr", merged).length > 1 ? found : {};
      const where = share < 0 || share > 1 ? "on the line through" : "on the line between";
      const facts = { difference: value, low, high, items: n, p, share };
      return {
        ...{ kind, name, at: "equal score", points: [lower.name, upper.name], ...facts },
        ...(newLow !== undefined && newHigh !== undefined && { newLow, newHigh }),
        sentence: `At equal task score (${labels.score} ${rateText(merged.score.value)}), ${labels.asr} is ${rateText(
          value + found.line,
        )} for ${merged.name} and ${rateText(found.line)} for ${name} (${where} ${lower.name} and ${upper.name}${lower.isAligned ? ": it has no point of its own in between, which could be lower" : ""}): ${differenceText(
          facts,
        )}${newText({ newLow, newHigh })}.`,
      };
    }
  }
  const { point, at, why } =
    line.at === "equal score"
      ? {
          point: nearestOf(line, merged),
          at: "nearest score" as const,
          why: `the points of ${name} are not told apart by their task scores on these items`,
        }
      : line.at === "nearest score"
        ? { ...line, why: `the points of ${name} are not told apart by their task scores` }
        : { ...line, why: `${name} never reaches the task score of ${merged.name}` };
  const { value, low, high, n } = pairedDifference(of("asr", point), of("asr", merged), { weights, groups });
  const facts = { difference: value, low, high, items: n };
  const scores = `${labels.score} ${rateText(point.score.value)} against ${rateText(merged.score.value)}${better === "low" ? ", where less is better" : ""}`;
  return {
    ...{ kind, name, at, points: [point.name], ...facts },
    sentence: `Not compared at equal task score: ${why}. At its ${at === "best score" ? "best" : "nearest"} point, ${point.name} (${scores}), ${labels.asr} is ${intervalText(
      { value: point.asr.value },
    )}, and ${rateText(merged.asr.value)} for ${merged.name}: ${differenceText(facts)}.`,
  };
}

function nearestOf(
  { lower, upper }: { readonly lower: TestedPoint; readonly upper: TestedPoint },
  merged: TestedPoint,
) {
  const off = ({ score }: TestedPoint) => Math.abs(score.value - merged.score.value);
  return off(lower) <= off(upper) ? lower : upper;
}

function differenceText({
  difference,
  low,
  high,
  items,
}: Pick<ControlComparison, "difference" | "low" | "high" | "items">): string {
  return `a difference of ${signed(difference)} (95 % interval of these tunings ${signed(low)} to ${signed(high)}, in pairs on ${items} items)`;
}

function newText({ newLow, newHigh }: Pick<ControlComparison, "newLow" | "newHigh">): string {
  return newLow === undefined || newHigh === undefined
    ? ""
    : `, of a new tuning ${signed(newLow)} to ${signed(newHigh)}`;
}

function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${rateText(value)}`;
}
