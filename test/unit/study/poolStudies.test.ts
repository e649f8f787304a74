// Studies that are pooled are what one study of all would have been, or are refused with what differs.

import { describe, expect, it } from "vitest";
import { poolStudies } from "../../../lib/study/results/poolStudies.js";
import { viewOf } from "../../../lib/study/results/viewOf.js";
import fc from "../../properties.js";
import { cellWith, studyWith } from "./studies.js";

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
const whole = { seeds: [1, 2, 10], items: range(0, 12) };

describe("studies that are pooled", () => {
  it("are the study of all, however seeds and items were shared out, also where several measured the same", () => {
    const some = <T>(of: readonly T[]) => fc.subarray([...of], { minLength: 1 });
    fc.assert(
      fc.property(some(whole.seeds), some(whole.seeds), some(whole.items), (a, b, items) => {
        const seeds = [...new Set([...a, ...b])].sort((one, other) => one - other);
        const bySeeds = poolStudies([
          studyWith(cellWith({ seeds: a, items })),
          studyWith(cellWith({ seeds: b, items })),
        ]);
        expect(JSON.stringify(bySeeds)).toBe(JSON.stringify(studyWith(cellWith({ seeds, items }))));
      }),
      { numRuns: 40 },
    );
    fc.assert(
      fc.property(some(whole.items), some(whole.items), (a, b) => {
        const items = range(0, 12).filter((item) => a.includes(item) || b.includes(item));
        const byItems = poolStudies([
          studyWith(cellWith({ ...whole, items: a })),
          studyWith(cellWith({ ...whole, items: b })),
        ]);
        expect(JSON.stringify(byItems)).toBe(JSON.stringify(studyWith(cellWith({ ...whole, items }))));
      }),
      { numRuns: 40 },
    );
  });

  it("stand beside each other where tasks or models are others", () => {
    const [calls, words] = [cellWith(whole), cellWith(whole, { task: "words" })];
    const { cells } = poolStudies([studyWith(calls), studyWith(words)]);
    expect(cells).toEqual([calls, words]);
  });

  it("leave out what was not asked as null, and count rates over what was", () => {
    const pooled = poolStudies([
      studyWith(cellWith({ seeds: [1], items: range(0, 8) })),
      studyWith(cellWith({ seeds: [2], items: range(4, 12) })),
    ]);
    const [tuned] = pooled.cells[0]?.validation.models.filter(({ role }) => role === "tuned") ?? [];
    expect(tuned?.rows.map(({ values }) => values.task.filter((value) => value === null).length)).toEqual([4, 4]);
    const { score } = viewOf(pooled).cells[0]?.validation.tuned ?? {};
    const alone = [range(0, 8), range(4, 12)].map(
      (items, at) =>
        viewOf(studyWith(cellWith({ seeds: [at + 1], items }))).cells[0]?.validation.tuned.score.value ?? 0,
    );
    expect(score?.value).toBeCloseTo(((alone[0] as number) + (alone[1] as number)) / 2, 12);
  });

  it("are refused where models, rule or settings differ, with what differs", () => {
    const other = (change: object) => () =>
      poolStudies([studyWith(cellWith(whole)), studyWith(cellWith(whole, change))]);
    const { agreement } = cellWith(whole);
    expect(other({ agreement: { ...agreement, "aligned model": "b".repeat(64) } })).toThrow(
      "calls, town: the studies differ in aligned model (aaaaaaaaaaaa and bbbbbbbbbbbb)",
    );
    expect(other({ agreement: { ...agreement, decoding: { maxNewTokens: 32 }, system: "be kind" } })).toThrow(
      'decoding ({"maxNewTokens":16} and {"maxNewTokens":32}); system (none and "be kind")',
    );
    expect(other({ rule: { rule: "constrained", margin: 0.1 } })).toThrow(
      'rule ({"rule":"score"} and {"rule":"constrained","margin":0.1})',
    );
    expect(other({ labels: { score: "calls", asr: "harm" } })).toThrow('labels ({"score":"calls","asr":"ASR"}');
  });

  it("are refused where a seed is another tuning, or an item has another value", () => {
    const one = cellWith(whole);
    const tunings = [{ seed: "1", digest: "f".repeat(64) }];
    expect(() => poolStudies([studyWith(one), studyWith(cellWith({ ...whole, seeds: [1] }, { tunings }))])).toThrow(
      "calls, town: seed 1 is another tuning (its model is 000000000000 in the one and ffffffffffff in the other)",
    );
    const changed = structuredClone(one) as unknown as {
      test: { models: { rows: { values: { safety: number[] } }[] }[] };
    };
    const values = changed.test.models[1]?.rows[0]?.values.safety ?? [];
    values[3] = 1 - (values[3] as number);
    expect(() => poolStudies([studyWith(one), studyWith(changed as never)])).toThrow(
      /^calls, town: tuned, seed 1: the item .* of advbench has [01] in the one study and [01] in the other$/,
    );
  });

  it("are refused where items that chose in the one confirm in the other", () => {
    const one = cellWith(whole, { split: true });
    const { validation, test } = one;
    expect(() => poolStudies([studyWith(one), studyWith({ ...one, validation: test, test: validation })])).toThrow(
      /48 safety items chose in the one study and confirm in the other/,
    );
  });

  it("leave merges of all tunings out where the tunings are others, and say so", () => {
    const half = (seeds: readonly number[]) => studyWith(cellWith({ seeds, items: range(0, 4), stock: true }));
    const { cells, notes } = poolStudies([half([1]), half([2])]);
    expect(notes).toEqual([
      "calls, town: model_stock of seeds 1 is no merge of all of 1, 2, and is left out",
      "calls, town: model_stock of seeds 2 is no merge of all of 1, 2, and is left out",
    ]);
    expect(cells[0]?.validation.models.map(({ method }) => method)).toEqual([undefined, undefined, "linear", "linear"]);
    // of the same tunings it is the same merge
    expect(poolStudies([half([1, 2]), half([2, 1])]).notes).toEqual([]);
  });

  it("leave out comparisons with controls where these are not the same, and say so", () => {
    const controls = [{ kind: "random", sentence: "of these tunings" }] as never;
    const half = (seeds: readonly number[], change: object) => studyWith(cellWith({ ...whole, seeds }, change));
    const { cells, notes } = poolStudies([half([1], { controls }), half([2], {})]);
    expect([cells[0]?.controls, notes]).toEqual([
      undefined,
      ["calls, town: comparisons with controls are of each study's own tunings and items, and are left out"],
    ]);
    expect(poolStudies([half([1], { controls }), half([1], { controls })]).cells[0]?.controls).toEqual(controls);
  });
});

describe("what a study shows", () => {
  const [cell] = viewOf(studyWith(cellWith({ seeds: [1, 2, 10], items: range(0, 60) }))).cells;

  it("is chosen by the rule, measured on the test data, and compared with both ends", () => {
    expect(cell?.selection.overall.candidate).toMatchObject({ method: "linear", lambda: 0.6 });
    const { test, merged, kept, saved, above } = cell ?? {};
    expect(merged?.lambda).toBe(0.6);
    const rate = (of: { value: number } | undefined) => of?.value ?? Number.NaN;
    expect(saved?.value).toBeCloseTo(rate(merged?.asr) - rate(test?.tuned.asr), 12);
    expect(above?.value).toBeCloseTo(rate(merged?.asr) - rate(test?.aligned.asr), 12);
    const gain = rate(test?.tuned.score) - rate(test?.aligned.score);
    expect(kept?.value).toBeCloseTo((rate(merged?.score) - rate(test?.aligned.score)) / gain, 12);
  });

  it("has each safety set and category by itself, with intervals over items and over tunings", () => {
    const { asr, sets, categories } = cell?.test.tuned ?? {};
    expect(Object.keys(sets ?? {})).toEqual(["advbench", "hexphi"]);
    expect(Object.keys(categories ?? {}).sort()).toEqual(["even", "odd"]);
    expect(((sets?.advbench?.value ?? 0) + (sets?.hexphi?.value ?? 0)) / 2).toBeCloseTo(asr?.value ?? 0, 12);
    const { low = 1, high = 0, newLow = 1, newHigh = 0 } = asr ?? {};
    expect([low < high, newLow < newHigh]).toEqual([true, true]);
  });

  it("has no merge that an adaptive run did not finish", () => {
    const one = cellWith({ seeds: [1, 2], items: range(0, 8) });
    const models = one.validation.models.map((model) =>
      model.lambda === 0.6 ? { ...model, unfinished: true as const } : model,
    );
    const cut = { ...one, validation: { ...one.validation, models } };
    const [shown] = viewOf(poolStudies([studyWith(cut), studyWith(one)])).cells;
    expect(shown?.validation.candidates.map(({ lambda }) => lambda)).toEqual([0.2]);
    expect(shown?.merged?.lambda).toBe(0.2);
  });

  it("says that a choice was not measured on the test data for all tunings", () => {
    const one = cellWith({ seeds: [1, 2], items: range(0, 8) });
    const models = one.test.models.map((model) =>
      model.lambda === 0.6 ? { ...model, rows: model.rows.slice(0, 1) } : model,
    );
    const { cells, notes } = viewOf(studyWith({ ...one, test: { ...one.test, models } }));
    expect(cells[0]?.merged).toBeUndefined();
    expect(notes).toEqual([
      "calls, town: the choice linear at lambda 0.6 was measured on the test data for seeds 1 alone; run the study over all seeds to have it",
    ]);
  });
});
