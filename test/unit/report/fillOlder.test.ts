// Results of earlier versions: shown where they hold enough, and else refused with what to do.

import { expect, it } from "vitest";
import { fillOlder } from "../../../lib/report/fillOlder.js";
import { markdownReport } from "../../../lib/report/markdown.js";
import { htmlReport } from "../../../lib/report/page/html.js";
import { COSTS, RESULTS } from "./results.js";

const copy = () => JSON.parse(JSON.stringify(RESULTS)) as Record<string, never>;

it("results without what later versions added are shown", () => {
  const {
    parts: _,
    testLabels: _labels,
    trends: _trends,
    alarms: _alarms,
    selection,
    paired,
    ...rest
  } = copy() as never as typeof RESULTS;
  const { verdicts: _verdicts, margins: _margins, rule, ...chosen } = selection;
  const older = {
    ...rest,
    selection: { ...chosen, rule: { rule: rule.rule, margin: rule.margin } },
    paired: paired.map(({ pHolm: _pHolm, ...test }) => test),
  };
  const results = fillOlder(older, "results.json");
  for (const text of [htmlReport(results, COSTS), markdownReport(results, COSTS)]) {
    expect(text).toContain("linear at lambda 0.4");
    expect(text).not.toMatch(/NaN|\bundefined\b/);
  }
});

it("results of another version are refused, with the version that made them", () => {
  const newer = { ...copy(), format: "retemper-experiment/9", provenance: { version: "7.1.0" } };
  expect(() => fillOlder(newer, "results.json")).toThrow(
    expect.objectContaining({
      code: "BAD_INPUT",
      message: expect.stringContaining("this is retemper-experiment/9, and this version reads retemper-experiment/1"),
      hint: expect.stringMatching(/run the experiment again into a new folder.*Retemper 7\.1\.0/),
    }),
  );
});

it("results that lack what a report is about are refused by its name", () => {
  const { labels: _, ...bare } = copy();
  expect(() => fillOlder(bare, "results.json")).toThrow(/labels\.asr is missing/);
  expect(() => fillOlder([], "results.json")).toThrow(/this is not retemper-experiment/);
});
