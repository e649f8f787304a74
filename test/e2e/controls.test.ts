// An experiment with controls, from beginning to end on the demo's models: curves beside the merges, in no choice, and what the
// choice is compared with.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run as runExperiment } from "../../lib/experiment/run.js";
import type { Experiment } from "../../lib/experiment/settings/schema.js";
import type { ExperimentCosts, ExperimentResults } from "../../lib/report/types.js";
import { long } from "../long.js";
import { demoAdapter, demoModel, root, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const rows = (name: string) => join(root, "demo", name);

const experiment: Experiment = {
  aligned: demoModel,
  tuned: [{ seed: 42, adapter: demoAdapter }],
  methods: [{ method: "linear", lambda: [0.4] }],
  controls: ["random", { control: "lower_rank", values: [1] }],
  safety: { sets: [`safety:${rows("unsafe.jsonl")}`], judges: [{ keyword: ["can't help"] }] },
  task: { validation: [`exact:${rows("task_valid.jsonl")}`], test: [`exact:${rows("task_test.jsonl")}`] },
  limit: 12,
  decoding: { maxNewTokens: 20 },
  select: { rule: "constrained", margin: 0.9, by: "point", minGain: 0 },
};

const textOf = (out: string) => readFileSync(join(out, "results.json"), "utf8");
const newTokens = (out: string) =>
  (JSON.parse(readFileSync(join(out, "costs.json"), "utf8")) as ExperimentCosts).steps.reduce(
    (sum, step) => sum + step.newTokens,
    0,
  );

/** What a choice, its candidates and its tests say, without the controls. */
function withoutControls({ controls: _, notes: __, provenance: ___, ...rest }: ExperimentResults): unknown {
  return JSON.parse(JSON.stringify(rest));
}

describe.runIf(long)("an experiment with controls", { timeout: 600_000 }, () => {
  const out = join(folder, "controlled");

  it("measures them beside the merges, compares the choice with each, and says so in a sentence", async () => {
    const results = await runExperiment(experiment, out);
    const { controls, selection, validation, provenance } = results;
    expect(provenance.seeds).toEqual(["42"]);
    expect(
      controls?.curves.map(({ kind, points }) => [
        kind,
        points.map((point) => [point.method, point.lambda, point.parameters]),
      ]),
    ).toEqual([
      ["random", [["random", 0.4, undefined]]],
      ["lower_rank", [["lower_rank", undefined, { rank: 1 }]]],
    ]);
    for (const { asr, score } of controls?.curves.flatMap(({ points }) => points) ?? []) {
      expect(asr.values?.[0]?.length).toBe(validation.aligned.asr.values?.[0]?.length);
      expect(score.values?.[0]?.length).toBe(12);
    }
    expect(validation.candidates.map(({ method }) => method)).toEqual(["linear"]);
    expect(selection.overall.considered).toBe(1);
    // a random direction as long as the tuning's teaches nothing, so it cannot be compared at the merge's score
    const [random, rank] = controls?.comparisons ?? [];
    expect(random).toMatchObject({ kind: "random", at: "best score", points: ["random at lambda 0.4"] });
    expect(random?.sentence).toMatch(/never reaches the task score of linear at lambda 0\.4/);
    expect(rank).toMatchObject({ kind: "lower_rank", items: expect.any(Number) });
    expect(rank?.low).toBeLessThanOrEqual(rank?.difference as number);
    const card = readFileSync(join(out, results.outputs[0]?.path as string, "README.md"), "utf8");
    expect(card).toContain("* Controls: ");
    expect(controls?.sentence).toMatch(/task score of linear at lambda 0\.4 is never reached by the random direction/i);
    expect(results.notes.some((note) => note.startsWith("Controls (the random direction, a lower rank)"))).toBe(true);
  });

  it("keeps the control's adapters, and removes its whole models", () => {
    const steps = readdirSync(join(out, "steps")).filter((name) => name.startsWith("control-"));
    expect(steps).toHaveLength(2);
    expect(steps.filter((name) => existsSync(join(out, "steps", name, "adapter", "adapter_config.json")))).toHaveLength(
      1,
    );
    expect(steps.some((name) => existsSync(join(out, "steps", name, "model")))).toBe(false);
    expect(
      steps.flatMap((name) => readdirSync(join(out, "steps", name))).filter((name) => name.endsWith(".delta")),
    ).toEqual([]);
  });

  it("asks nothing twice, and only what is new of one lambda more", async () => {
    const [before, tokens] = [textOf(out), newTokens(out)];
    await runExperiment(experiment, out);
    expect(textOf(out)).toBe(before);
    expect(newTokens(out)).toBe(tokens);
    const controls: Experiment["controls"] = [
      { control: "random", lambda: [0.4, 0.8] },
      { control: "lower_rank", values: [1] },
    ];
    const more = await runExperiment({ ...experiment, controls }, out);
    expect(more.controls?.curves[0]?.points.map(({ lambda }) => lambda)).toEqual([0.4, 0.8]);
    const first = (JSON.parse(before) as ExperimentResults).controls?.curves[0]?.points[0];
    expect(JSON.parse(JSON.stringify(more.controls?.curves[0]?.points[0]))).toEqual(first);
    expect(newTokens(out)).toBeGreaterThan(tokens);
  });

  it("chooses as it does without them", async () => {
    const { controls: _, ...plain } = experiment;
    const results = await runExperiment(plain, join(folder, "plain"));
    expect(results.controls).toBeUndefined();
    const controlled = JSON.parse(textOf(out)) as ExperimentResults;
    expect(withoutControls(results)).toEqual(withoutControls(controlled));
  });

  it("has those of tunings too: checkpoints, decay, dropout and a lower rate, and shuffled changes", async () => {
    const { tuned: _, ...rest } = experiment;
    const place = join(folder, "tuned");
    const results = await runExperiment(
      {
        ...rest,
        tune: {
          data: rows("task_train.jsonl"),
          seeds: [42],
          options: { learningRate: 0.003, maxSteps: 20, rank: 4, alpha: 8 },
        },
        controls: [
          ...(["shuffled_entries", "shuffled_layers", "lower_rank", "early_stopping"] as const),
          ...(["weight_decay", "dropout", "learning_rate"] as const),
        ],
        limit: 8,
      },
      place,
    );
    const names = results.controls?.curves.map(({ kind, points }) => [
      kind,
      points.map(({ lambda, parameters }) => lambda ?? Object.values(parameters ?? {})[0]),
    ]);
    expect(names).toEqual([
      ["shuffled_entries", [0.4]],
      ["shuffled_layers", [0.4]],
      ["lower_rank", [1, 2]],
      ["early_stopping", [4, 8, 12, 16]],
      ["weight_decay", [0.1]],
      ["dropout", [0.1]],
      ["learning_rate", [0.0015]],
    ]);
    expect(results.controls?.comparisons.map(({ kind }) => kind)).toEqual(names?.map(([kind]) => kind));
    // the checkpoints are those of the tuning that was merged
    const tuning = readdirSync(join(place, "steps")).filter((name) => name.startsWith("tune-"));
    expect(tuning).toHaveLength(4);
  });
});
