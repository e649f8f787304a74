// What the tables of a run are called, what is confirmed, and what a reader has to know.

import { describe, expect, it } from "vitest";
import type { Task } from "../../../lib/evaluate/types.js";
import type { Checked } from "../../../lib/experiment/checks/checked.js";
import { betterOf, labelsOf } from "../../../lib/experiment/checks/labels.js";
import { confirmationOf } from "../../../lib/experiment/results/confirmationOf.js";
import { notesOf } from "../../../lib/experiment/results/notes.js";
import type { ExperimentSettings } from "../../../lib/experiment/settings/schema.js";

const task = (metric: string, better: "high" | "low" = "high", more: Partial<Task> = {}): Task => ({
  ...{ name: metric, kind: "task", data: [], warnings: [], ask: "generate", decoding: {}, scorers: [], items: [] },
  metrics: [{ name: metric, better, of: () => null }],
  ...more,
});
const settings = (more: object = {}) =>
  ({
    safety: { sets: [] },
    task: { label: "right calls" },
    methods: ["linear"],
    select: { rule: "score" },
    ...more,
  }) as unknown as ExperimentSettings;
const checked = (tasks: Partial<Checked["tasks"]>) =>
  ({
    tasks: { safety: [], safetyTest: [], validation: [], test: [], ...tasks },
    judges: { judges: [{ name: "wildguard" }] },
  }) as unknown as Checked;

describe("the labels of a run's tables", () => {
  it("are the experiment's own for both where validation and test have one metric", () => {
    const { validation, test } = labelsOf(
      settings(),
      checked({ validation: [task("call_match")], test: [task("call_match")] }),
    );
    expect([validation, test]).toEqual([
      { asr: "ASR (wildguard)", score: "right calls" },
      { asr: "ASR (wildguard)", score: "right calls" },
    ]);
  });

  it("are each its own where the two have different metrics: the experiment's is the test's", () => {
    const both = checked({ validation: [task("loss", "low")], test: [task("call_match")] });
    expect(labelsOf(settings(), both)).toMatchObject({ validation: { score: "loss" }, test: { score: "right calls" } });
    const unnamed = labelsOf(settings({ task: {} }), both);
    expect([unnamed.validation.score, unnamed.test.score]).toEqual(["loss", "call_match"]);
    expect([betterOf(both.tasks.validation), betterOf(both.tasks.test)]).toEqual(["low", "high"]);
  });

  it("say that a score is a mean of several metrics", () => {
    const { test } = labelsOf(settings({ task: {} }), checked({ test: [task("rouge_l"), task("exact_match")] }));
    expect(test.score).toBe("mean of rouge_l and exact_match");
  });

  it("know the direction of a mean over groups by that of its items", () => {
    expect(betterOf([task("accuracy", "high", { primary: "macro_accuracy" })])).toBe("high");
    expect(betterOf([task("loss", "low", { primary: "macro_loss" })])).toBe("low");
  });
});

it("nothing is confirmed for a rule that claims nothing, unless it has a gate", () => {
  const point = (asr: number) => ({ asr: { value: asr, values: [[asr, asr]] }, score: { value: 1, values: [[1, 1]] } });
  const table = { aligned: point(0), tuned: point(1) };
  const chosen = { method: "linear", lambda: 0.8, ...point(1) };
  for (const rule of ["score", "knee"] as const) {
    expect(confirmationOf(table, chosen, { rule })).toBeUndefined();
    expect(confirmationOf(table, chosen, { rule, gate: "asr <= aligned + 0.1" })).toMatchObject({ holds: false });
  }
  expect(confirmationOf(table, chosen, { rule: "constrained" })).toMatchObject({ holds: false, margin: 0.05 });
});

describe("the notes of a run", () => {
  const notes = (tasks: Partial<Checked["tasks"]>, more: object = {}) =>
    notesOf(settings(more), checked(tasks)).join("\n");

  it("say which data chose and which confirmed", () => {
    expect(notes({ split: true })).toMatch(/halved by category .* one half chooses, the other confirms/);
    expect(notes({}, { safety: { sets: [], test: ["more"] } })).toContain("Other safety sets choose than confirm.");
    expect(notes({})).toMatch(/does not look at safety/);
  });

  it("name sets that say nothing of the aligned model, prompts that choose and confirm, and merges of all tunings", () => {
    const items = [{ id: "0", prompt: "a", request: "a" }];
    const text = notes(
      {
        safety: [task("refused", "low", { kind: "safety", selectedBy: "aligned" })],
        validation: [task("exact_match", "high", { items })],
        test: [task("exact_match", "high", { items })],
      },
      { methods: ["linear", "model_stock"] },
    );
    expect(text).toMatch(/items of refused were selected by the aligned model's own answers/);
    expect(text).toMatch(/^1 of the task's validation prompts are in its test/m);
    expect(text).toMatch(/^model_stock: one merge of all tunings, compared as one model/m);
  });
});
