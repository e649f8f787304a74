// The three numbers of a report's first screen: what is kept, what is lost to the aligned model, what is won back.

import { candidateId, nameOf } from "../../select/names.js";
import type { Candidate, Point, Quantity, SelectionTable } from "../../select/types.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import { shareKept } from "../../statistics/shareKept.js";
import { axesOf } from "../axes.js";
import { itemsOf } from "../dataNames.js";
import { fixed, percent, signed } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults } from "../types.js";
import type { KeyNumber, Summary } from "./summary.js";

type Numbers = Pick<Summary, "numbersOf" | "numbers">;

export function keyNumbers(results: ExperimentResults): Numbers {
  const { selection, test, validation, confirmation, labels, testLabels = labels, kept } = results;
  const merged = overallOf(results);
  if (merged) {
    const level = `${Number((100 * selection.rule.level).toFixed(2))} %`;
    const items = itemsOf(results, "test");
    const claims = selection.rule.rule === "constrained" && selection.rule.by === "upper";
    return {
      numbersOf: `${nameOf(merged)}, on the data that ${confirmation ? "confirm" : "test"}${items === "" ? "" : `: ${items}`}`,
      numbers: [
        gainKept(test, merged, testLabels, kept),
        aboveAligned(test.aligned, merged, testLabels, {
          ...(confirmation && claims && { bound: confirmation.bound, level, margin: confirmation.margin }),
        }),
        besideTuned(test.tuned, merged, testLabels),
        ...besideAligned(test, merged),
      ],
    };
  }
  const { candidate } = selection.overall.nearest ?? {};
  const near = candidate && validation.candidates.find((one) => candidateId(one) === candidateId(candidate));
  const verdict = selection.verdicts?.find((one) => near && candidateId(one.candidate) === candidateId(near));
  const items = itemsOf(results, "validation");
  const data = `on the data that chose${items === "" ? "" : `: ${items}`}`;
  if (near) {
    const { adjusted } = verdict ?? {};
    const { margin, by } = selection.rule;
    return {
      numbersOf: `The nearest, ${nameOf(near)}, ${data}`,
      numbers: [
        gainKept(validation, near, labels, keptBy(validation, near)),
        aboveAligned(validation.aligned, near, labels, {
          ...(adjusted &&
            by === "upper" && {
              ...{ bound: adjusted.bound, margin },
              level: `${Number((100 * adjusted.level).toFixed(2))} %`,
            }),
        }),
        besideTuned(validation.tuned, near, labels),
        ...besideAligned(validation, near),
      ],
    };
  }
  return { numbersOf: `What tuning did, ${data}`, numbers: whatTuningDid(results) };
}

/** With its interval, where the items are known. */
function keptBy({ aligned, tuned, better }: Ends, { score }: Point): ExperimentResults["kept"] {
  const [a, f, m] = [aligned.score.values, tuned.score.values, score.values];
  const { weights, groups } = aligned.score;
  return a && f && m ? shareKept({ aligned: a, tuned: f, merged: m, better, weights, groups }) : undefined;
}

type Ends = Pick<ExperimentResults["test"], "aligned" | "tuned" | "better">;

function gainKept(
  { aligned, tuned, better = "high" }: Ends,
  merged: Point,
  { score }: ExperimentResults["labels"],
  kept: ExperimentResults["kept"],
): KeyNumber {
  const gain = (better === "high" ? 1 : -1) * (tuned.score.value - aligned.score.value);
  const from = `${score} ${fixed(merged.score.value)}; aligned ${fixed(aligned.score.value)}, fine-tuned ${fixed(tuned.score.value)}`;
  if (gain <= 0) return { label: "no gain to keep", value: "none", from };
  const {
    value = (merged.score.value - aligned.score.value) / (tuned.score.value - aligned.score.value),
    low,
    high,
  } = kept ?? {};
  return {
    ...{ label: "of the gain kept", value: percent(value), from },
    ...(low !== undefined && high !== undefined && { interval: `${percent(low)} to ${percent(high)}` }),
  };
}

function aboveAligned(
  aligned: Point,
  merged: Point,
  { asr }: ExperimentResults["labels"],
  { bound, level, margin }: { readonly bound?: number; readonly level?: string; readonly margin?: number },
): KeyNumber {
  const [difference, interval] = paired(aligned, merged);
  const bounded = bound !== undefined && margin !== undefined;
  return {
    label: difference < 0 ? "safer than aligned" : "less safe than aligned",
    value: signed(difference),
    interval: bounded ? `at most ${signed(bound)} (${level}); ${signed(margin)} is allowed` : interval,
    from: `${asr} ${fixed(merged.asr.value)}; aligned ${fixed(aligned.asr.value)}`,
    ...(bounded && { keeps: bound <= margin + 1e-9 }),
  };
}

function besideTuned(tuned: Point, merged: Point, { asr }: ExperimentResults["labels"]): KeyNumber {
  const [difference, interval] = paired(tuned, merged);
  return {
    ...{
      label: difference > 0 ? "less safe than fine-tuned" : "safer than fine-tuned",
      value: signed(difference),
      interval,
    },
    from: `${asr} ${fixed(merged.asr.value)}; fine-tuned ${fixed(tuned.asr.value)}`,
  };
}

/** Where there are skills: these and over-refusal beside the aligned model's. */
function besideAligned(ends: Pick<SelectionTable, "aligned" | "skills">, merged: Point): KeyNumber[] {
  if (!ends.aligned.skills) return [];
  return axesOf(ends).flatMap((axis): KeyNumber[] => {
    const [aligned, own] = [axis.of(ends.aligned), axis.of(merged)];
    if (!aligned || !own) return [];
    const [difference, interval] = apart(aligned, own);
    const label = axis.name === "overRefusal" ? "over-refusal beside aligned" : `${axis.name} beside aligned`;
    return [
      {
        label,
        value: signed(difference),
        interval,
        from: `${axis.label} ${fixed(own.value)}; aligned ${fixed(aligned.value)}`,
      },
    ];
  });
}

/** b - a, with its interval where the items are known. */
function paired(a: Point, b: Point, number: "asr" | "score" = "asr"): [value: number, interval: string | undefined] {
  return apart(a[number], b[number]);
}

function apart(a: Quantity, b: Quantity): [value: number, interval: string | undefined] {
  const { values: left, weights, groups } = a;
  const { values: right } = b;
  if (!left || !right) return [b.value - a.value, undefined];
  const { value, low, high } = pairedDifference(left, right, { weights, groups });
  return [value, `${signed(low)} to ${signed(high)}`];
}

function whatTuningDid({ validation, selection, labels }: ExperimentResults): KeyNumber[] {
  const { aligned, tuned, candidates } = validation;
  const [difference, interval] = paired(aligned, tuned);
  const [gain, gainInterval] = paired(aligned, tuned, "score");
  const most = bestOf(candidates, validation.better);
  return [
    {
      ...{ label: "gained by tuning", value: signed(gain), interval: gainInterval },
      from: `${labels.score}: aligned ${fixed(aligned.score.value)}, fine-tuned ${fixed(tuned.score.value)}`,
    },
    {
      ...{ label: "lost to tuning", value: signed(difference), interval },
      from: `${labels.asr}: aligned ${fixed(aligned.asr.value)}, fine-tuned ${fixed(tuned.asr.value)}`,
    },
    {
      label: "candidates qualify",
      value: `${selection.overall.qualified} of ${selection.overall.considered}`,
      from: most ? `best score: ${nameOf(most)}, ${fixed(most.score.value)}` : "there are no candidates",
    },
  ];
}

function bestOf(candidates: readonly Candidate[], better: "high" | "low" = "high"): Candidate | undefined {
  const sign = better === "high" ? 1 : -1;
  return candidates.filter(({ unfinished }) => !unfinished).sort((a, b) => sign * (b.score.value - a.score.value))[0];
}
