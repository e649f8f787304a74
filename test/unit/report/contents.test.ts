// What the report holds: what was not measured, controls, limits, judges, and what was asked beside the answers.

import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { judgeProbabilities } from "../../../lib/evaluate/run/judgeProbabilities.js";
import { reliabilityIn } from "../../../lib/experiment/results/reliabilityIn.js";
import { markdownReport } from "../../../lib/report/markdown.js";
import { htmlReport } from "../../../lib/report/page/html.js";
import type { ExperimentResults } from "../../../lib/report/types.js";
import { measuredResults } from "./measuredResults.js";
import { HOSTILE } from "./results.js";

const COSTS = { steps: [] };
const whole = measuredResults();
const made = new Map<ExperimentResults, ReturnType<typeof parseHTML>["document"]>();
/** Pages take a while: each is made once. */
function pageOf(results: ExperimentResults): ReturnType<typeof parseHTML>["document"] {
  const page = made.get(results) ?? parseHTML(htmlReport(results, COSTS)).document;
  made.set(results, page);
  return page;
}
const tableOf = (markdown: string, caption: string) =>
  markdown.split(/\n#{2,3} /).find((one) => one.startsWith(caption)) ?? "";

describe("what a report holds", () => {
  it("shows candidates that were not measured to the end as such, and draws none of them", () => {
    const [first, ...others] = whole.validation.candidates;
    if (!first) throw new Error("there is no candidate");
    const results = {
      ...whole,
      validation: { ...whole.validation, candidates: [{ ...first, unfinished: true as const }, ...others] },
    };
    const rows = tableOf(markdownReport(results, COSTS), "What does lambda do").split("\n");
    expect(rows.find((row) => row.startsWith("| linear | 0.2 |"))).toMatch(
      /^\| linear \| 0\.2 \| not measured to the end \|/,
    );
    const dots = (of: ExperimentResults) =>
      pageOf(of).querySelectorAll("#curve-asr g[data-mark=dot] :is(circle,path)").length;
    expect(dots(results)).toBe(dots(whole) - 1);
    expect(htmlReport(results, COSTS)).not.toMatch(/NaN|undefined/);
  });

  it("draws controls as dashed curves with their name in the key, and says what they show", () => {
    const points = whole.validation.candidates
      .slice(0, 4)
      .map((one) => ({ ...one, method: "random", parameters: undefined }));
    const comparison = {
      ...{ kind: "random", name: "the random direction", sentence: "At equal score the merge loses fewer refusals." },
      ...{ at: "equal score" as const, points: ["0.2", "0.4"], difference: -0.1, low: -0.2, high: -0.02, items: 90 },
    };
    const controls = { curves: [{ kind: "random", name: "the random direction", points }], comparisons: [comparison] };
    const page = pageOf({ ...whole, controls });
    const dashed = [...page.querySelectorAll('#curve-asr g[data-mark=line][stroke-dasharray="6 4"] path')];
    expect(dashed).toHaveLength(1);
    expect(page.querySelector(".part-curves .key")?.textContent).toContain("controls");
    expect(page.querySelector(".part-controls-section .said")?.textContent).toContain(comparison.sentence);
    const markdown = markdownReport({ ...whole, controls }, COSTS);
    expect(tableOf(markdown, "At equal task score")).toContain(
      "| the random direction | equal score | -0.100 (-0.200 to -0.020) | 90 |",
    );
    expect(tableOf(markdown, "What does lambda do")).toContain("| control: the random direction | 0.2 |");
    expect(pageOf(whole).body.textContent).not.toContain("control:");
  });

  it("puts methods beside the plain lambda in two tables, with both intervals, or says why not", () => {
    const common = {
      method: "ties",
      point: "ties at lambda 0.4",
      between: ["linear at lambda 0.2", "linear at lambda 0.4"],
    };
    const numbers = {
      ...{ merged: 0.05, line: 0.15, share: 0.4, difference: -0.1, low: -0.2, high: -0.02, items: 90 },
    };
    const tests = { p: 0.008, newLow: -0.25, newHigh: 0.05, newP: 0.09, newPHolm: 0.09 };
    const rows = [
      { ...common, ...numbers, ...tests, equal: "score", verdict: "not shown" },
      { method: "ties", equal: "safety", why: "the plain line hardly moves there" },
      { ...common, ...numbers, method: "model_stock", p: 0.008, equal: "safety" },
    ] as unknown as NonNullable<ExperimentResults["besideLinear"]>["rows"];
    const besideLinear = { sentence: "No difference is shown: ties.", rows };
    const markdown = markdownReport({ ...whole, besideLinear }, COSTS);
    expect(markdown).toContain("**All together:** No difference is shown: ties.");
    const { score, asr } = whole.testLabels ?? whole.labels;
    expect(tableOf(markdown, `Beside the plain lambda, at equal ${score}: ${asr}`)).toContain(
      "| ties | ties at lambda 0.4 | linear at lambda 0.2 and linear at lambda 0.4 | 0.050 | 0.150 | -0.100 (-0.200 to -0.020) | -0.250 to +0.050 | 0.0900 | 0.0080 | 90 | no difference shown |",
    );
    const safety = tableOf(markdown, `Beside the plain lambda, at equal ${asr}: ${score}`);
    expect(safety).toMatch(/^\| ties \|[ |]*\| the plain line hardly moves there \|$/m);
    expect(safety).toMatch(/^\| model\\_stock \|.*\| 0\.0080 \| 90 \| of these tunings alone \|$/m);
    expect(pageOf({ ...whole, besideLinear }).querySelectorAll(".part-beside-linear table")).toHaveLength(2);
    expect(pageOf(whole).querySelector(".part-beside-linear")).toBeNull();
  });

  it("says in each table which data its numbers are of, and which rows a limit left", () => {
    const limited = markdownReport(
      measuredResults({ items: 20, limit: 40, rows: 150, rule: { rule: "score" } }),
      COSTS,
    );
    expect(tableOf(limited, "What does lambda do")).toContain(
      "Data that chose: 20 safety items (half of the first 40 of 150 rows); 60 task items.",
    );
    expect(tableOf(limited, "The sets")).toContain(
      "| harm | requests that should be refused | chose | 20 | half of the first 40 of 150 rows |",
    );
    for (const table of pageOf(whole).querySelectorAll(
      "table:not(#data):not(#outputs):not(#provenance):not(#confirmation)",
    )) {
      expect(`${table.id}: ${table.querySelector("caption .data")?.textContent}`).toMatch(
        /: Data that (chose|confirm): 90 safety items/,
      );
    }
  });

  it("has no column that says nothing, and no spread where there is one tuning", () => {
    const one = measuredResults({ seeds: ["42"], methods: ["linear"] });
    const markdown = markdownReport(one, COSTS);
    expect(markdown).not.toMatch(/±|new tuning|straight lines|truncated|adjusted/);
    for (const table of pageOf(whole).querySelectorAll("table")) {
      const rows = [...table.querySelectorAll("tbody tr")].map((row) =>
        [...row.querySelectorAll("td, th")].map(({ textContent }) => textContent),
      );
      const heads = table.querySelectorAll("thead th").length;
      for (let at = 1; at < heads; at++)
        expect(
          rows.some((row) => row[at] !== ""),
          `${table.id} ${at}`,
        ).toBe(true);
    }
  });

  it("draws what a calibrated judge's probabilities were worth, beside the line on which they mean what they say", () => {
    const said = [0.05, 0.15, 0.15, 0.85, 0.95, 0.95].map((harmfulProbability) => ({
      ...{ harmful: null, refusal: null, harmfulProbability },
    }));
    const calibrated = (name: string, values: typeof said) => ({
      ...{ name, truePositives: 3, positives: 3, trueNegatives: 2, negatives: 3, missing: 0 },
      ...{ sensitivity: { value: 1, low: 0.4, high: 1 }, specificity: { value: 2 / 3, low: 0.2, high: 0.9 } },
      probabilities: judgeProbabilities(values, [false, false, true, false, true, true]),
    });
    const graded = said.map(({ harmfulProbability, ...rest }) => ({ ...rest, score: harmfulProbability }));
    const calibration = {
      data: {} as never,
      judges: [calibrated(`guard ${HOSTILE}`, said), calibrated("grades", graded as never)],
    };
    const reliability = reliabilityIn([{ results: { calibration } }]);
    expect(reliability.map(({ name }) => name)).toEqual([`guard ${HOSTILE}`]);
    const results = { ...whole, reliability };
    const figure = pageOf(results).querySelector(".part-judging #reliability");
    expect(figure?.querySelectorAll("g[data-mark=dot] :is(circle,path)")).toHaveLength(4);
    expect(figure?.querySelector("svg title")?.textContent).toBe("What judges' probabilities are worth");
    expect(htmlReport(results, COSTS)).not.toMatch(/NaN|undefined|<script>alert/);
    const markdown = markdownReport(results, COSTS);
    expect(markdown).toContain("0.50 at 0.15 (2), 0.00 at 0.85 (1), 1.00 at 0.95 (2).");
    expect(markdown).toMatch(/6 answers, area under the curve 0\.833 \(0\.\d+ to 0\.\d+\), mean distance/);
    expect(reliabilityIn([{ results: {} }])).toEqual([]);
  });

  it("shows how often judges contradict each other with intervals, and the answers folded", () => {
    const two = measuredResults({ contradicts: 0.1 });
    const row = tableOf(markdownReport(two, COSTS), "How often do the judges")
      .split("\n")
      .find((line) => line.startsWith("| aligned |"));
    expect(row).toMatch(/^\| aligned \| 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\) \| 0\.\d{3} \(/);
    const page = pageOf(two);
    expect(page.querySelectorAll(".part-judging details:not([open]) dt").length).toBeGreaterThan(0);
    expect(markdownReport(two, COSTS)).not.toContain("Turn the key");
    expect(pageOf(whole).querySelector(".part-judging")).toBeNull();
  });

  it("has what was asked and expected beside the answers, folded; Markdown only what is harmless", () => {
    const page = pageOf(whole);
    const folded = [...page.querySelectorAll(".part-answers details")];
    expect(folded.length).toBeGreaterThan(4);
    expect(folded.every((one) => !one.hasAttribute("open"))).toBe(true);
    const texts = folded.map((one) => [...one.querySelectorAll(".asked dd")].map(({ textContent }) => textContent));
    expect(
      texts.some(([asked, expected]) => /^An imagined request/.test(asked ?? "") && expected === "(a refusal)"),
    ).toBe(true);
    expect(texts.some(([asked, expected]) => /^Remind Ann/.test(asked ?? "") && /^remind\(/.test(expected ?? ""))).toBe(
      true,
    );
    const markdown = markdownReport(whole, COSTS);
    expect(markdown).toMatch(/- asked: Remind Ann at noon, number \d+\n- expected: remind\(person: Ann, at: \d+\)/);
    expect(markdown).not.toContain("An imagined request");
    expect(markdown).toMatch(
      /\d+ answers to requests that should be refused, and what was asked, are in report\.html\./,
    );
  });

  it("draws what is allowed, and what the data that confirm say of each choice", () => {
    const page = pageOf(whole);
    expect(page.querySelector("#curve-asr")?.textContent).toContain("allowed 0.");
    expect(page.querySelector("#curve-score")?.textContent).not.toContain("allowed 0.");
    const confirms = (id: string) => page.querySelectorAll(`#${id} g[data-mark=dot] path title`).length;
    for (const id of ["curve-asr", "curve-score"])
      expect(confirms(id)).toBeGreaterThanOrEqual(whole.test.chosen.length);
    const none = pageOf(measuredResults({ rule: { rule: "score" } }));
    expect(none.querySelector("#curve-asr")?.textContent).not.toContain("allowed");
  });
});
