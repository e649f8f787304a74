// What a report says of the forms in which the choice ships: in its first screen, in words, and in a table.

import { describe, expect, it } from "vitest";
import { markdownReport } from "../../../lib/report/markdown.js";
import { shipText } from "../../../lib/report/shipText.js";
import { summaryOf } from "../../../lib/report/summary/summaryOf.js";
import { tablesOf } from "../../../lib/report/tables/tablesOf.js";
import type { ExperimentResults, FormBehaviour, ShippedForm } from "../../../lib/report/types.js";
import { nameOf } from "../../../lib/select/names.js";
import { RESULTS } from "./results.js";

const numbers = (klMean: number) => ({ klMean, klMost: 2 * klMean, top1: 0.975, positions: 40 });
const form = (name: string, behaviour: Partial<FormBehaviour>): ShippedForm => ({
  ...{ name, format: "gguf", path: `models/m-${name.replace(" ", "-")}`, bytes: 1234, files: [] },
  ...{ sentence: `${name} is what it is.`, holds: behaviour.verdict !== "different" },
  behaviour: {
    ...{ verdict: "same", tolerance: 0.01, prompts: 8, causes: [], answers: { same: 7, compared: 8 }, notes: [] },
    ...{ firstToken: numbers(0.00123), sameTokens: numbers(0.000456) },
    ...behaviour,
  },
});
const cause = { name: "quantisation", sure: "certain", summary: "One is quantised.", remedy: "Take more bits." };
const shipped = { path: "models/m", seed: "42" };
const measured = { score: { value: 0.91, low: 0.88, high: 0.94 }, asr: { value: 0.12 } };
const paired = {
  ...{ a: "the merge", b: "gguf q8_0", metric: "asr", test: "bootstrap" as const },
  ...{ difference: 0.02, low: -0.01, high: 0.05, p: 0.3, pHolm: 0.6, n: 40 },
};
const withForms = (holds: boolean): ExperimentResults => ({
  ...RESULTS,
  shipped,
  ship: {
    holds,
    sentence: holds ? "All forms hold." : "One form does not hold.",
    forms: [
      { ...form("gguf q8_0", { verdict: "within tolerance", causes: [cause] }), measured, paired: [paired] },
      form("gguf q4_0", { verdict: holds ? "same" : "different", causes: [cause], tolerance: 0.1 }),
    ],
  },
});

describe("the report", () => {
  it("says on its first screen and in a table what the weights of a form cost each model, and how they were multiplied", () => {
    const { candidate } = RESULTS.selection.overall;
    const results = withForms(true);
    const [q8, ...others] = results.ship?.forms ?? [];
    const of = { measured, paired: [paired, { ...paired, metric: "score", difference: -0.01 }] };
    const counted: ShippedForm = {
      ...(q8 as ShippedForm),
      ...{ ...of, measured: { ...measured, weights: "asStored" }, refusals: { lost: 3, gained: 1, of: 40 } },
      others: [
        { name: "aligned", ...of, refusals: { lost: 0, gained: 1, of: 40 } },
        { name: "fine-tuned", ...of },
      ],
    };
    const shown = { ...results, ship: { ...results.ship, forms: [counted, ...others] } as ExperimentResults["ship"] };
    const name = nameOf(candidate as NonNullable<typeof candidate>);
    const lost = "loses 2 refusals of 40 (95 % interval -0.4 to 2.0)";
    const score = "-0.010 (-0.010 to +0.050)";
    expect(summaryOf(shown).forms).toEqual([
      `${name} ships; its gguf q8_0 ${lost}, ${RESULTS.testLabels?.score} ${score}.`,
    ]);
    const difference = "+0.020 (-0.010 to +0.050)";
    const numbers = ["0.120", difference, "0.910 (0.880 to 0.940)", score];
    expect(tablesOf(shown, { steps: [] }).get("weights")?.rows).toEqual([
      [name, "gguf q8_0, blocks as stored", lost, ...numbers],
      ["aligned", "gguf q8_0, decoded", "gains 1 refusal of 40 (95 % interval -2.0 to 0.4)", ...numbers],
      ["fine-tuned", "gguf q8_0, decoded", "", ...numbers],
    ]);
    expect(markdownReport(shown, { steps: [] })).toContain("What other weights do to each model");
    expect(summaryOf(RESULTS).forms).toEqual([]);
    expect(tablesOf(RESULTS, { steps: [] }).has("weights")).toBe(false);
  });

  it("says on its first screen, and where it says what to ship, that a form behaves otherwise", () => {
    const [held, failed] = [withForms(true), withForms(false)];
    expect(summaryOf(failed).notes).toContain("One form does not hold.");
    expect(summaryOf(failed).mark).toBe("note");
    expect(summaryOf(held).notes).not.toContain("All forms hold.");
    expect(shipText(failed)).toBe("models/m. One form does not hold.");
    expect(shipText(held)).toBe("models/m. All forms hold.");
    expect(shipText({ ...RESULTS, shipped })).toBe("models/m.");
  });

  it("has a table of them, with the larger divergence, what is allowed and the cause", () => {
    const costs = { steps: [] };
    const table = tablesOf(withForms(false), costs).get("forms");
    const both = ["0.0012", "97.5 %", "7 of 8", "quantisation"] as const;
    const cells = (verdict: string, allowed: string) => [verdict, both[0], allowed, ...both.slice(1)];
    expect(table?.rows).toEqual([
      [
        ...["gguf q8_0", "models/m-gguf-q8_0", ...cells("within tolerance", "0.01")],
        ...["0.910 (0.880 to 0.940)", "0.120", "+0.020 (-0.010 to +0.050)", "yes", "1,234"],
      ],
      ["gguf q4_0", "models/m-gguf-q4_0", ...cells("different", "0.1"), "", "", "", "no", "1,234"],
    ]);
    expect(tablesOf(RESULTS, costs).has("forms")).toBe(false);
  });
});
