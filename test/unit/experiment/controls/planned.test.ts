// What controls take, and what models and tunings say against them, before anything is done.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tunedModels } from "../../../../lib/experiment/candidates/tunedModels.js";
import { checkControls } from "../../../../lib/experiment/checks/checkControls.js";
import { plannedControls } from "../../../../lib/experiment/plan/plannedControls.js";
import { planRun } from "../../../../lib/experiment/plan/planRun.js";
import { loadExperiment } from "../../../../lib/experiment/settings/load.js";
import { Problems } from "../../../../lib/experiment/settings/problems.js";
import type { Experiment } from "../../../../lib/experiment/settings/schema.js";
import { withCheckpoints } from "../../../../lib/experiment/settings/withCheckpoints.js";
import { long } from "../../../long.js";

const out = mkdtempSync(join(tmpdir(), "planned-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

const common: Experiment = {
  aligned: "demo/model",
  methods: [{ method: "linear", lambda: [0.2, 0.4] }],
  safety: { sets: ["safety:demo/unsafe.jsonl"] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
  decoding: { maxNewTokens: 8 },
};
const tuned: Experiment = { ...common, tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }] };
const tuning = (options: object, controls: Experiment["controls"]): Experiment => ({
  ...common,
  tune: { data: "demo/task_train.jsonl", seeds: [42], options },
  controls,
});
const plan = { rows: 480, heldOut: 0, dropped: 0, steps: 180, scheduled: 180, tokens: 5000 };

describe("the plan", () => {
  it("counts each control's points, tunings and tests", async () => {
    const settings = await loadExperiment(
      tuning({ rank: 8 }, ["random", "lower_rank", "early_stopping", { control: "dropout", values: [0.1, 0.2, 0.3] }]),
    );
    expect(await plannedControls(settings, [], { tunings: new Map([["42", plan]]) })).toEqual([
      { kind: "random", name: "the random direction", points: 2, tunings: 0, tested: 2 },
      { kind: "lower_rank", name: "a lower rank", points: 3, tunings: 0, tested: 2 },
      { kind: "early_stopping", name: "early stopping", points: 4, tunings: 0, tested: 2 },
      { kind: "dropout", name: "dropout", points: 3, tunings: 3, tested: 2 },
    ]);
  });

  it("has a checkpoint after each fifth of the steps for early stopping, where none is asked for otherwise", async () => {
    const of = async (options: object, controls: Experiment["controls"]) => {
      const settings = await loadExperiment(tuning(options, controls));
      return withCheckpoints(settings, new Map([["42", plan]])).tune?.options?.saveSteps;
    };
    expect(await of({}, ["early_stopping"])).toBe(36);
    expect(await of({ saveSteps: 50 }, ["early_stopping"])).toBe(50);
    expect(await of({}, ["random"])).toBeUndefined();
  });

  it.runIf(long)("shows the steps of controls with their tokens", async () => {
    const { steps } = await planRun({ ...tuned, controls: ["lower_rank", "random"] }, out);
    expect(
      steps.filter(({ step }) => /a control|test of at most/.test(step)).map(({ step, tokens }) => [step, tokens]),
    ).toEqual([
      // 75 requests and 60 calls of 8 tokens; and the other 75, and 100 calls
      ["3 points of a lower rank, a control, validation", 3 * 8 * (75 + 60)],
      ["a lower rank, test of at most 2", 2 * 8 * (75 + 100)],
      ["2 points of the random direction, a control, validation", 2 * 8 * (75 + 60)],
      ["the random direction, test of at most 2", 2 * 8 * (75 + 100)],
    ]);
  });
});

describe("a control that cannot be", () => {
  async function message(experiment: Experiment): Promise<string> {
    const settings = await loadExperiment(experiment);
    const problems = new Problems();
    const plans = settings.tune ? new Map([["42", plan]]) : new Map();
    await checkControls(settings, tunedModels(settings), plans, problems);
    try {
      problems.throwIfAny();
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  }

  it("is told before anything is done: ranks that are not lower, a whole model, no checkpoint before the end", async () => {
    const ranks: Experiment["controls"] = [{ control: "lower_rank", values: [8, 16] }];
    expect(await message({ ...tuned, controls: ranks })).toContain(
      "lower_rank has no rank below the tuning's, which is 8",
    );
    const whole = { ...common, tuned: [{ seed: 1, model: "demo/model" }], controls: ["lower_rank"] } as Experiment;
    expect(await message(whole)).toContain("this is a whole model, and the control lower_rank is of LoRA adapters");
    expect(await message(tuning({ saveSteps: 500 }, ["early_stopping"]))).toContain(
      "early_stopping has no checkpoint before the end: the tuning has 180 steps, and tune.options.saveSteps is 500",
    );
    expect(await message(tuning({ dora: true }, ["lower_rank"]))).toContain(
      "lower_rank is of LoRA adapters, and the tuning makes one of DoRA",
    );
    expect(await message(tuning({}, ["lower_rank", "early_stopping", "random", "shuffled_layers"]))).toBe("");
  });

  it("needs room for the models of all seeds and one more, in float32", async () => {
    const settings = await loadExperiment({ ...tuned, controls: ["random"] });
    const bytes = await checkControls(settings, tunedModels(settings), new Map(), new Problems());
    // the demo's model has 0.95 million numbers
    expect(Math.round(bytes / 2 / 4 / 1e4) / 100).toBe(0.95);
  });
});
