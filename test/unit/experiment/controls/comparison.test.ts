// The chosen merge beside a control: which points of the control's curve it is compared with, and what is said.

import { describe, expect, it } from "vitest";
import { compareControl } from "../../../../lib/experiment/controls/compareControl.js";
import { type CurvePoint, lineAtScore } from "../../../../lib/experiment/controls/lineAtScore.js";
import { summaryOf } from "../../../../lib/experiment/controls/summaryOf.js";
import { withVerdicts } from "../../../../lib/experiment/controls/withVerdicts.js";
import type { ControlComparison } from "../../../../lib/report/types.js";
import type { Quantity } from "../../../../lib/select/types.js";

/** Of 200 items; those of a lower rate are among those of a higher one. */
function quantity(value: number): Quantity {
  const values = [Array.from({ length: 200 }, (_, item) => ((item * 7) % 200 < Math.round(200 * value) ? 1 : 0))];
  return { value, values };
}

function point(score: number, asr: number, own = true): CurvePoint & { readonly name: string } {
  return { name: `${score}/${asr}`, score: quantity(score), asr: quantity(asr), own };
}

const aligned = point(0.1, 0.02, false);

describe("the points of a control's curve", () => {
  it("are the two neighbours between which the score is the merge's", () => {
    const curve = [aligned, point(0.4, 0.1), point(0.7, 0.3), point(0.9, 0.6), point(0.95, 0.7, false)];
    expect(lineAtScore(curve, 0.6)).toEqual({ at: "equal score", lower: curve[1], upper: curve[2] });
    expect(lineAtScore(curve, 0.2)).toEqual({ at: "equal score", lower: curve[0], upper: curve[1] });
  });

  it("are told by the direction of the score", () => {
    const curve = [point(3, 0.02, false), point(2, 0.1), point(1, 0.4)].map((one) => ({
      ...one,
      score: {
        value: one.score.value,
        values: [Array.from({ length: 20 }, (_, at) => one.score.value + (at % 3) / 9)],
      },
    }));
    expect(lineAtScore(curve, 1.5, "low")).toEqual({ at: "equal score", lower: curve[1], upper: curve[2] });
    expect(lineAtScore(curve, 0.5, "low")).toEqual({ at: "best score", point: curve[2] });
  });

  it("are further apart where neighbours' scores are not told apart", () => {
    const curve = [aligned, point(0.59, 0.1), point(0.605, 0.3), point(0.9, 0.6)];
    expect(lineAtScore(curve, 0.6)).toEqual({ at: "equal score", lower: curve[1], upper: curve[3] });
  });

  it("are those of the lowest line where the curve passes the score more than once", () => {
    const curve = [aligned, point(0.8, 0.5), point(0.3, 0.1), point(0.9, 0.15)];
    expect(lineAtScore(curve, 0.6)).toEqual({ at: "equal score", lower: curve[2], upper: curve[3] });
  });

  it("are the best one where the score is never reached, and the nearest where nothing is told apart", () => {
    const below = [aligned, point(0.12, 0.05), point(0.2, 0.1), point(0.15, 0.3)];
    expect(lineAtScore(below, 0.6)).toEqual({ at: "best score", point: below[2] });
    const alike = [point(0.6, 0.02, false), point(0.605, 0.1), point(0.61, 0.2)];
    expect(lineAtScore(alike, 0.606)).toEqual({ at: "nearest score", point: alike[1] });
    expect(lineAtScore([aligned], 0.6)).toBeUndefined();
  });

  it("hold one of the control's own: a line from the aligned to the fine-tuned model says nothing of it", () => {
    const curve = [aligned, point(0.11, 0.1), point(0.95, 0.7, false)];
    expect(lineAtScore(curve, 0.5)).toEqual({ at: "equal score", lower: curve[1], upper: curve[2] });
  });
});

const labels = { score: "exact calls", asr: "refusals lost" };
const merged = { name: "linear at lambda 0.4", score: quantity(0.75), asr: quantity(0.1) };
const [lower, upper] = [
  { name: "early_stopping (step 60)", score: quantity(0.5), asr: quantity(0.15) },
  { name: "the fine-tuned model", score: quantity(0.9), asr: quantity(0.35) },
];
const compared = { kind: "early_stopping", merged, labels, better: "high" } as const;

describe("the comparison with a control", () => {
  it("is a sentence with both rates at equal score, the difference and its interval", () => {
    const found = compareControl({ ...compared, line: { at: "equal score", lower, upper } });
    expect(found).toMatchObject({ kind: "early_stopping", at: "equal score", items: 200, share: 0.625 });
    expect(found.points).toEqual(["early_stopping (step 60)", "the fine-tuned model"]);
    expect(found.difference).toBeCloseTo(0.1 - 0.275, 12);
    expect(found.sentence).toMatch(
      /^At equal task score \(exact calls 0\.750\), refusals lost is 0\.100 for linear at lambda 0\.4 and 0\.275 for early stopping \(on the line between early_stopping \(step 60\) and the fine-tuned model\): a difference of -0\.175 \(95 % interval of these tunings -0\.\d{3} to -0\.\d{3}, in pairs on 200 items\)\.$/,
    );
    const [told] = withVerdicts([found]);
    expect(told?.verdict).toBe("lower");
    expect(told?.sentence).toMatch(/The merge is shown to be lower \(Holm's p below \.001\)\.$/);
  });

  it("says that a line from the aligned model may be above the curve", () => {
    const aligned = { ...lower, name: "the aligned model", isAligned: true };
    const found = compareControl({ ...compared, line: { at: "equal score", lower: aligned, upper } });
    expect(found.sentence).toContain(
      "(on the line between the aligned model and the fine-tuned model: it has no point of its own in between, which could be lower)",
    );
  });

  it("says where the control never reaches the score, and compares with its best point without a verdict", () => {
    const best = { name: "random at lambda 0.9", score: quantity(0.12), asr: quantity(0.04) };
    const found = compareControl({ ...compared, kind: "random", line: { at: "best score", point: best } });
    expect(found).toMatchObject({ at: "best score", points: ["random at lambda 0.9"], items: 200 });
    expect(found.difference).toBeCloseTo(0.06, 12);
    expect(found.sentence).toMatch(
      /^Not compared at equal task score: the random direction never reaches the task score of linear at lambda 0\.4\. At its best point, random at lambda 0\.9 \(exact calls 0\.120 against 0\.750\), refusals lost is 0\.040, and 0\.100 for linear at lambda 0\.4: a difference of \+0\.060 \(/,
    );
    expect(withVerdicts([found])).toEqual([found]);
  });

  it("falls back to the nearest point where the confirming items do not tell the two apart", () => {
    const near = { ...upper, name: "step 90", score: quantity(0.505) };
    const found = compareControl({ ...compared, line: { at: "equal score", lower, upper: near } });
    expect(found).toMatchObject({ at: "nearest score", points: ["step 90"] });
    expect(found.sentence).toContain("are not told apart by their task scores on these items");
  });

  it("has an interval of a new tuning with three of them, and not for one merge of all", () => {
    const rows = (...values: number[]): Quantity => ({
      value: values.reduce((sum, value) => sum + value, 0) / values.length,
      values: values.flatMap((value) => quantity(value).values ?? []),
    });
    const three = {
      lower: { name: "a", score: rows(0.5, 0.52, 0.48), asr: rows(0.15, 0.1, 0.2) },
      upper: { name: "b", score: rows(0.9, 0.92, 0.88), asr: rows(0.35, 0.3, 0.4) },
    };
    const each = { name: "linear", score: rows(0.75, 0.7, 0.8), asr: rows(0.1, 0.08, 0.12) };
    const line = { at: "equal score", ...three } as const;
    const found = compareControl({ ...compared, merged: each, line });
    expect(found.newLow).toBeLessThan(found.low);
    expect(found.sentence).toMatch(/in pairs on 200 items\), of a new tuning -0\.\d{3} to [-+]?0\.\d{3}\.$/);
    const all = compareControl({ ...compared, line });
    expect(all.items).toBe(200);
    expect(all.newLow).toBeUndefined();
    expect(all.sentence).not.toContain("new tuning");
  });

  it("comes to one sentence with all others", () => {
    const of = (
      name: string,
      at: ControlComparison["at"],
      verdict?: ControlComparison["verdict"],
    ): ControlComparison => ({
      ...{ kind: name, name, sentence: "S.", at, points: [], difference: 0, low: -0.2, high: 0, items: 9 },
      ...(verdict && { verdict }),
    });
    const about = { merge: "linear at lambda 0.4", rate: "refusals lost" };
    const told = [
      ...[of("early stopping", "equal score", "lower"), of("dropout", "equal score", "lower")],
      ...[of("a lower rank", "equal score", "not shown"), of("the random direction", "best score")],
    ];
    expect(summaryOf(told, about)).toBe(
      "At equal task score, refusals lost of linear at lambda 0.4 is shown to be lower than early stopping and dropout; it is not shown to differ from a lower rank. Its task score is never reached by the random direction.",
    );
    expect(summaryOf([of("the random direction", "best score")], about)).toBe(
      "The task score of linear at lambda 0.4 is never reached by the random direction.",
    );
    expect(summaryOf([], about)).toBeUndefined();
  });

  it("is adjusted for how many controls there are", () => {
    const of = (p: number, difference = -0.1): ControlComparison => ({
      ...{ kind: "random", name: "a", sentence: "S.", at: "equal score", points: [], low: -0.2, high: 0, items: 9 },
      ...{ p, difference },
    });
    const told = withVerdicts([of(0.02), of(0.001), of(0.03, 0.1)]);
    expect(told.map(({ pHolm, verdict }) => [Number(pHolm?.toFixed(3)), verdict])).toEqual([
      [0.04, "lower"],
      [0.003, "lower"],
      [0.04, "higher"],
    ]);
    expect(withVerdicts([of(0.04), of(0.03)])[0]?.sentence).toBe("S. No difference is shown (Holm's p .060).");
  });
});
