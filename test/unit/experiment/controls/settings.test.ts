// `controls` of an experiment: what is filled in, and what cannot be.

import { describe, expect, it } from "vitest";
import { halvesOf, wantedControls } from "../../../../lib/experiment/settings/controlEntry.js";
import { loadExperiment } from "../../../../lib/experiment/settings/load.js";
import type { Experiment } from "../../../../lib/experiment/settings/schema.js";
import { besideLinearAtMost } from "../../../../lib/experiment/steps/besideLinearStage.js";

const tuning: Experiment = {
  aligned: "demo/model",
  tune: { data: "demo/task_train.jsonl", options: { rank: 8, learningRate: 0.003 } },
  methods: ["slerp", { method: "linear", lambda: [0.8, 0.3] }],
  safety: { sets: ["safety:demo/unsafe.jsonl"] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
};
const { tune: _, ...rest } = tuning;
const given: Experiment = { ...rest, tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }] };

async function faults(experiment: unknown): Promise<string> {
  const error = await loadExperiment(experiment as Experiment).catch((one: Error) => one);
  return (error as Error).message;
}

describe("controls", () => {
  it("have the lambdas of the linear merges, halves of the rank, and one further tuning each, by default", async () => {
    const controls: Experiment["controls"] = [
      ...(["random", "shuffled_entries", "shuffled_layers", "lower_rank"] as const),
      ...(["early_stopping", "weight_decay", "dropout", "learning_rate"] as const),
    ];
    expect(wantedControls(await loadExperiment({ ...tuning, controls }))).toEqual([
      { kind: "random", lambdas: [0.3, 0.8] },
      { kind: "shuffled_entries", lambdas: [0.3, 0.8] },
      { kind: "shuffled_layers", lambdas: [0.3, 0.8] },
      { kind: "lower_rank", values: [1, 2, 4] },
      { kind: "early_stopping" },
      { kind: "weight_decay", values: [0.1] },
      { kind: "dropout", values: [0.1] },
      { kind: "learning_rate", values: [0.0015] },
    ]);
    // an adapter that is given says its rank itself
    expect(wantedControls(await loadExperiment({ ...given, controls: ["lower_rank"] }))).toEqual([
      { kind: "lower_rank", values: undefined },
    ]);
    expect([halvesOf(12), halvesOf(1)]).toEqual([[1, 3, 6], []]);
  });

  it("take lambdas and values of their own, each once and in order", async () => {
    const controls: Experiment["controls"] = [
      { control: "random", lambda: [0.9, 0.5, 0.9] },
      { control: "dropout", values: [0.3, 0.1] },
    ];
    expect(wantedControls(await loadExperiment({ ...tuning, controls }))).toEqual([
      { kind: "random", lambdas: [0.5, 0.9] },
      { kind: "dropout", values: [0.1, 0.3] },
    ]);
    expect(wantedControls(await loadExperiment(tuning))).toEqual([]);
  });

  it("say everything that is wrong with them at once", async () => {
    const text = await faults({
      ...given,
      controls: [
        ...["random", "random", "early_stopping", { control: "weight_decay", lambda: 0.5, values: [0] }],
        ...[
          { control: "shuffled_layers", values: [1], lambda: [1.5] },
          { control: "lower_rank", values: [2.5] },
        ],
      ],
    });
    for (const part of [
      "random is asked for twice",
      "early_stopping needs tunings that the run makes (tune)",
      "weight_decay needs tunings that the run makes (tune)",
      "weight_decay has no lambda: its points differ in the decay (write values)",
      "weight_decay: a decay is a number above 0, not 0",
      "shuffled_layers has no values (write lambda)",
      "lambda 1.5 is outside of 0 to 1: write extrapolate: true if that is meant",
      "lower_rank: a rank is a whole number of at least 1, not 2.5",
    ]) {
      expect(text).toContain(part);
    }
    const typo = { ...given, controls: ["randm"] } as unknown as Experiment;
    await expect(loadExperiment(typo)).rejects.toMatchObject({
      message: "controls[0]: unknown value `randm`",
      hint: expect.stringContaining("random"),
    });
  });

  it("are refused where a server answers", async () => {
    const engine = { endpoint: { url: "http://localhost:1/v1", model: "a" } };
    expect(await faults({ ...given, methods: ["linear"], engine, controls: ["random"] })).toContain(
      "controls are models that are made here, and a server answers (engine.endpoint)",
    );
  });
});

describe("besideLinear", () => {
  it("is refused without the plain lambda, and where items are left out", async () => {
    const plain: Experiment["methods"][number] = { method: "linear", lambda: [0.3, 0.8] };
    expect((await loadExperiment({ ...given, besideLinear: true, methods: ["slerp", plain] })).besideLinear).toBe(true);
    const text = await faults({ ...given, besideLinear: true, adaptive: true, methods: ["slerp"] });
    expect(text).toContain("compares with the plain lambda, and linear is not among the methods");
    expect(text).toContain("adaptive leaves items out");
    const all = { ...given, besideLinear: true, methods: ["slerp", plain], select: { rule: "score" } };
    expect(await faults(all)).toContain("compares on other safety items than it picks by");
    const parameters = { weight: 1 };
    expect(
      await faults({ ...given, besideLinear: true, methods: ["slerp", { method: "linear", parameters }] }),
    ).toContain("compares with the plain lambda");
  });

  it("counts two merges of each method and the ends of their lines to a plan", async () => {
    const of = async (more: object) => besideLinearAtMost(await loadExperiment({ ...given, ...more }));
    expect(await of({ besideLinear: true, methods: ["linear", "slerp"], lambda: [0.2, 0.4, 0.6] })).toBe(2 + 3);
    expect(await of({ methods: ["linear", "slerp"] })).toBe(0);
  });
});
