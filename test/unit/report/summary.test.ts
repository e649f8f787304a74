// The first screen: the mark, the three numbers, what to use, what is next, and what would decide better.

import { describe, expect, it } from "vitest";
import { summaryOf } from "../../../lib/report/summary/summaryOf.js";
import type { ExperimentResults } from "../../../lib/report/types.js";
import { select } from "../../../lib/select/select.js";
import { measuredResults } from "./measuredResults.js";

const ships = measuredResults();

describe("the first screen", () => {
  it("ships what was chosen and confirmed: folder, command, and three numbers with how sure they are", () => {
    const summary = summaryOf(ships);
    expect(summary).toMatchObject({ mark: "ships", title: "Ships", notes: [] });
    expect(summary.what).toBe("linear at lambda 0.4");
    expect(summary.use).toEqual({
      folder: "models/chosen",
      leadsTo: "models/linear-0.4-seed-42",
      command: "retemper serve models/chosen",
      seed: "Seed 42 of 3",
    });
    expect(summary.numbersOf).toContain("on the data that confirm: 90 safety items (half of 180)");
    const [kept, above, beside] = summary.numbers;
    expect(kept).toMatchObject({ label: "of the gain kept", value: `${Math.round(100 * (ships.kept?.value ?? 0))} %` });
    expect(kept?.interval).toMatch(/^\d+ % to \d+ %$/);
    const bound = ships.confirmation?.bound ?? Number.NaN;
    expect(above).toMatchObject({ interval: `at most +${bound.toFixed(3)} (95 %); +0.150 is allowed`, keeps: true });
    const tested = ships.paired.find(
      ({ a, metric, b }) => a === "fine-tuned" && metric === "asr" && b === summary.what,
    );
    expect(beside?.value).toBe(tested?.difference.toFixed(3));
    expect(beside?.interval).toBe(`${tested?.low.toFixed(3)} to ${tested?.high.toFixed(3)}`);
  });

  it("names the next best that qualifies, and a margin that would choose a better score", () => {
    const { next, better } = summaryOf(ships);
    expect(next).toMatch(
      /^dare_linear at lambda 0\.4 \(density 0\.5\) qualifies too: exact calls 0\.\d{3} \(0\.\d{3} to /,
    );
    const [first = "", second = ""] = better;
    const [, name = "", margin = ""] =
      /^For the better score of (.*): the margin (0\.\d+)(?:, or about \d+ items|; more items)/.exec(first) ?? [];
    const wider = select(ships, { rule: "constrained", margin: Number(margin) }).overall.candidate;
    expect(`${wider?.method} at lambda ${wider?.lambda}`).toBe(name);
    const narrower = select(ships, { rule: "constrained", margin: Number(margin) - 0.002 }).overall.candidate;
    expect(narrower?.lambda).toBe(0.4);
    const [, least = ""] = /^The choice qualifies at margins from (0\.\d+)/.exec(second) ?? [];
    const of = (at: number) => select(ships, { rule: "constrained", margin: at }).verdicts;
    const passes = (at: number) =>
      of(at).some(({ candidate, passes: own }) => own && candidate.method === "linear" && candidate.lambda === 0.4);
    expect([passes(Number(least)), passes(Number(least) - 0.002)]).toEqual([true, false]);
  });

  it("does not ship where nothing qualifies, and shows the nearest with what it would take", () => {
    const summary = summaryOf(measuredResults({ rule: { rule: "constrained", margin: 0.02 } }));
    expect(summary).toMatchObject({ mark: "no", title: "Does not ship", what: "Nothing qualifies" });
    expect(summary.use).toBeUndefined();
    expect(summary.because).toBe(
      "Of 8 candidates none is shown to be as safe as the aligned model within 0.02 and keeps 50 % of the gain.",
    );
    expect(summary.numbersOf).toMatch(/^The nearest, .* at lambda 0\.4.*, on the data that chose/);
    expect(summary.numbers[1]).toMatchObject({ keeps: false });
    expect(summary.numbers.map(({ interval }) => interval)).toEqual(Array(3).fill(expect.stringMatching(/\d/)));
    expect(summary.better[0]).toMatch(/^To choose .*: the margin 0\.\d{3}/);
  });

  it("does not ship what was not confirmed, and says what would have confirmed it", () => {
    const failed = measuredResults({ worseThere: 0.2 });
    const summary = summaryOf(failed);
    expect(summary).toMatchObject({ mark: "no", what: "linear at lambda 0.4" });
    expect(summary.because).toMatch(
      /does not hold on the data that confirm: its .* may be 0\.\d+ above .*, and 0\.15 is allowed/,
    );
    expect(summary.next).toMatch(/qualified too on the data that chose\. Nothing else may be chosen on the items/);
    expect(summary.better).toHaveLength(1);
    const margin = Number(/^To confirm .*: the margin (0\.\d+)/.exec(summary.better[0] ?? "")?.[1]);
    expect(margin).toBeGreaterThanOrEqual(failed.confirmation?.bound ?? 1);
    expect(margin).toBeLessThan((failed.confirmation?.bound ?? 0) + 0.001);
  });

  it("puts a note to what is of little use, claims nothing of safety, or compares values alone", () => {
    const notes = (options: Parameters<typeof measuredResults>[0]) => {
      const { mark, notes: all } = summaryOf(measuredResults({ seeds: ["42"], methods: ["linear"], ...options }));
      return [mark, ...all];
    };
    expect(notes({ lambdas: [0.05, 0.1], rule: { rule: "constrained", margin: 0.15, minGain: 0 } })).toEqual([
      "note",
      expect.stringMatching(/^It is of little use: it keeps \d+ % of the fine-tuned model's gain\.$/),
    ]);
    expect(notes({ rule: { rule: "score" } })).toEqual([
      "note",
      "The rule score claims nothing of safety, and nothing was confirmed.",
    ]);
    expect(notes({ rule: { rule: "constrained", margin: 0.15, by: "point" } })).toEqual([
      "note",
      "The rule compares what was measured, which shows nothing of other items.",
    ]);
    expect(notes({ contradicts: 0.4 }).slice(0, 2)).toEqual([
      "note",
      expect.stringContaining("wildguard and keyword disagree on"),
    ]);
  });

  it("says what tuning did where no candidate is useful", () => {
    const summary = summaryOf(measuredResults({ lambdas: [0.05, 0.1] }));
    expect(summary.mark).toBe("no");
    expect(summary.numbers.map(({ label }) => label)).toEqual([
      "gained by tuning",
      "lost to tuning",
      "candidates qualify",
    ]);
    expect(summary.better).toEqual(["No margin would do: finer lambdas, other methods, or a tuning that gains more."]);
  });

  it("counts nothing of a candidate that was not measured to the end", () => {
    const unfinished: ExperimentResults["validation"]["candidates"][number] = {
      ...(ships.validation.candidates.find(
        ({ lambda }) => lambda === 0.6,
      ) as (typeof ships.validation.candidates)[number]),
      unfinished: true,
    };
    const candidates = ships.validation.candidates.map((one) =>
      one.lambda === 0.6 ? { ...unfinished, method: one.method, parameters: one.parameters } : one,
    );
    const { better } = summaryOf({ ...ships, validation: { ...ships.validation, candidates } });
    expect(better.join(" ")).not.toContain("lambda 0.6");
  });
});
