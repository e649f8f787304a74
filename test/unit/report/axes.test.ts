// Over-refusal and skills in a report: figures, tables, the first screen and the card.

import { describe, expect, it } from "vitest";
import { pairedTests } from "../../../lib/experiment/results/significance.js";
import { cardSections } from "../../../lib/report/cardSections.js";
import { contentsOf } from "../../../lib/report/contents.js";
import { markdownReport } from "../../../lib/report/markdown.js";
import { overallOf } from "../../../lib/report/outcome.js";
import { htmlReport } from "../../../lib/report/page/html.js";
import { markOf } from "../../../lib/report/summary/markOf.js";
import { summaryOf } from "../../../lib/report/summary/summaryOf.js";
import type { ExperimentResults, Measured } from "../../../lib/report/types.js";
import { candidateId, nameOf } from "../../../lib/select/names.js";
import { select } from "../../../lib/select/select.js";
import { measuredResults } from "./measuredResults.js";

/** A skill of 60 items, of which a model has so many right. */
const right = (ones: number) => ({
  ...{ value: ones / 60, low: ones / 60 - 0.05, high: ones / 60 + 0.05 },
  values: [Array.from({ length: 60 }, (_, at) => (at < ones ? 1 : 0))],
});
const loss = (value: number) => ({ value, low: value - 0.1, high: value + 0.1 });

/** The results of an imagined run with two skills: sums are lost as lambda rises, the loss of a text rises a little. */
function withSkills(lost: number): ExperimentResults {
  const results = measuredResults({ seeds: ["42"], methods: ["linear"] });
  const of = <T extends Measured>(model: T, lambda: number): T => ({
    ...model,
    skills: { sums: right(Math.round(50 - lost * lambda)), "held-out text": loss(2 + lambda / 10) },
  });
  const part = <T extends { readonly aligned: Measured; readonly tuned: Measured }>(tables: T): T => ({
    ...tables,
    skills: { sums: { better: "high", metric: "exact_match" }, "held-out text": { better: "low", metric: "loss" } },
    ...{ aligned: of(tables.aligned, 0), tuned: of(tables.tuned, 1) },
  });
  const { validation: before, test: tested } = results;
  const candidates = before.candidates.map((one) => of(one, one.lambda ?? 1));
  const validation = { ...part(before), candidates };
  const test = { ...part(tested), chosen: tested.chosen.map((one) => of(one, one.lambda ?? 1)) };
  const selection = select({ ...validation, labels: results.labels }, results.selection.rule);
  const changed = { ...results, validation, test, selection };
  const merged = overallOf(changed) as Measured & { method: string };
  const models = [
    { name: "aligned", measured: test.aligned },
    { name: nameOf(merged), measured: merged },
  ];
  return { ...changed, paired: pairedTests(models) };
}

const COSTS = { steps: [] };

describe("a report of a run with skills", () => {
  const results = withSkills(40);

  it("draws each axis over lambda and against safety, with the front of all numbers", () => {
    const section = contentsOf(results, COSTS).find(({ id }) => id === "over-refusal");
    expect(section?.figures.map(({ id }) => id)).toEqual([
      ...["curve-overRefusal", "curve-skill-sums", "curve-skill-held-out-text"],
      ...["front-overRefusal", "front-skill-sums", "front-skill-held-out-text"],
    ]);
    const [, sums, text, , front] = section?.figures ?? [];
    expect([sums?.axes, text?.axes, text?.title]).toEqual([
      "↑ higher is better",
      "↓ lower is better",
      "held-out text (loss) over lambda",
    ]);
    expect(sums?.alternative).toMatch(/linear: 0\.83 at 0, 0\.70 at 0\.2, .*0\.17 at 1\./);
    expect(front?.caption).toMatch(
      /that no other beats in all numbers: exact calls, .*, over-refusal, sums \(exact_match\)/,
    );
    expect(front?.svg).toContain("<svg");
  });

  it("says in tables what each costs, with Holm's p, and which merges are on the front", () => {
    const section = contentsOf(results, COSTS).find(({ id }) => id === "over-refusal");
    const [axes] = section?.tables ?? [];
    expect(axes?.rows.map(([name]) => name)).toEqual([
      "over-refusal, lower is better",
      "sums (exact_match), higher is better",
      "held-out text (loss), lower is better",
    ]);
    const sums = axes?.rows[1] ?? [];
    const lambda = overallOf(results)?.lambda ?? 0;
    expect(sums.at(-1)).toBe(`${((100 * Math.round(50 - 40 * lambda)) / 50).toFixed(0)} %`);
    const test = results.paired.find(({ metric }) => metric === "sums");
    expect(sums.at(-2)).toBe((test?.pHolm ?? 0) < 0.0001 ? "< 0.0001" : test?.pHolm.toFixed(4));
    const [front] = section?.folded ?? [];
    const names = front?.rows.map(([name]) => name) ?? [];
    expect(names).toHaveLength((results.selection.wholeFront?.length ?? 0) + 2);
    expect(front?.head).toEqual(expect.arrayContaining(["over-refusal", "sums", "held-out text"]));
    expect(names.some((name) => name?.endsWith("(the choice)"))).toBe(true);
  });

  it("tells a skill that the gate names from one whose name begins so", () => {
    const note = (gate: string) => {
      const { selection } = results;
      return markOf({ ...results, selection: { ...selection, rule: { ...selection.rule, gate } } }).notes.join(" ");
    };
    const unlooked = /sums \(exact_match\) is worse [^.]*\.\d+, which the rule does not look at/;
    expect(note("sums2 >= 0.1")).toMatch(unlooked);
    expect(note("overRefusal <= 1")).toMatch(unlooked);
    for (const gate of ["sums >= 0.1", "keep .1 of sums", "skills >= 10% * aligned"]) {
      expect(note(gate)).toMatch(/sums \(exact_match\) is worse/);
      expect(note(gate)).not.toMatch(unlooked);
    }
  });

  it("shows them on the first screen, and warns of a skill that is lost and that no rule looks at", () => {
    const { numbers, mark, notes } = summaryOf(results);
    expect(numbers.map(({ label }) => label).slice(3)).toEqual([
      "over-refusal beside aligned",
      "sums beside aligned",
      "held-out text beside aligned",
    ]);
    expect([mark, notes.join(" ")]).toEqual([
      "note",
      expect.stringMatching(
        /sums \(exact_match\) is worse than the aligned model's by 0\.\d+, which the rule does not look at/,
      ),
    ]);
    const kept = summaryOf(withSkills(0));
    expect(kept.notes.join(" ")).not.toContain("sums");
  });

  it("has all of it in the page, in Markdown and in the card", () => {
    const [page, text] = [htmlReport(results, COSTS), markdownReport(results, COSTS)];
    for (const words of [
      "sums (exact_match)",
      "held-out text",
      "What else did it cost?",
      "Merges that no other beats in all numbers",
    ]) {
      expect(page).toContain(words);
      expect(text.replaceAll("\\", "")).toContain(words);
    }
    const [output] = results.outputs;
    const merged = overallOf(results);
    if (!output || !merged) throw new Error("nothing was chosen");
    const card = cardSections(results, { ...output, candidate: candidateId(merged) }, undefined);
    expect(card.replaceAll("\\", "")).toMatch(
      /\| model \|.*over-refusal.*sums \(exact_match\).*held-out text \(loss\)/,
    );
  });

  it("is as before where there are none", () => {
    const plain = measuredResults({ seeds: ["42"], methods: ["linear"] });
    const section = contentsOf(plain, COSTS).find(({ id }) => id === "over-refusal");
    expect([section?.title, section?.figures.map(({ id }) => id)]).toEqual(["Over-refusal", ["curve-overRefusal"]]);
    expect(summaryOf(plain).numbers).toHaveLength(3);
  });
});
