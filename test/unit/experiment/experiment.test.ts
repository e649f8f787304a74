// Experiments: what is wrong in a file is said at once.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { mergeSeries } from "../../../lib/experiment/candidates/merges.js";
import { run } from "../../../lib/experiment/run.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { EXPERIMENT_TEMPLATE } from "../../../lib/experiment/settings/template.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-experiment-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const whole: Experiment = {
  aligned: "demo/model",
  tuned: [
    { seed: 42, adapter: "demo/adapters/seed-42" },
    { seed: 7, model: "demo/model" },
  ],
  methods: ["linear", { method: "dare_linear", lambda: 0.5, parameters: { density: 0.5 } }, "model_stock"],
  safety: { sets: ["safety:demo/unsafe.jsonl"] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
};

describe("an experiment", () => {
  it("has one merge for each method, lambda and seed, and one of model_stock", async () => {
    const settings = await loadExperiment(whole);
    const series = mergeSeries(settings, [
      { seed: "42", model: "F" },
      { seed: "7", model: "G" },
    ]);
    expect(series.map(({ method, values, merges }) => [method, values, merges.length])).toEqual([
      ["linear", [0.2, 0.4, 0.6, 0.8], 2],
      ["dare_linear", [0.5], 2],
      ["model_stock", undefined, 1],
    ]);
    expect(series[1]?.merges[1]).toMatchObject({ seed: "7", maskSeed: 7, recipe: { models: [{ model: "G" }] } });
    expect(series[2]?.merges[0]?.recipe).toMatchObject({ models: [{ model: "F" }, { model: "G" }] });
  });

  it("keeps half of a tuning's changes where a method has a density, by default", async () => {
    const methods = ["ties", { method: "dare_linear", parameters: { density: 0.9 } }, "breadcrumbs", "slerp"] as const;
    const settings = await loadExperiment({ ...whole, methods: [...methods] });
    const series = mergeSeries(settings, [{ seed: "42", model: "F" }]);
    expect(series.map(({ parameters }) => parameters)).toEqual([
      { density: 0.5 },
      { density: 0.9 },
      { density: 0.5 },
      undefined,
    ]);
    expect(series[0]?.merges[0]?.recipe).toMatchObject({ parameters: { density: 0.5, normalize: false } });
    // which is what the other entry asks for
    const twice = [{ method: "dare_linear", parameters: { density: 0.5 } }, "dare_linear"] as const;
    await expect(loadExperiment({ ...whole, methods: [...twice] })).rejects.toThrow(
      /dare_linear at lambda 0\.2 \(density 0\.5\) is asked for twice/,
    );
  });

  it("gives methods made for safety the models that they read", async () => {
    const methods = [{ method: "resta", parameters: { gamma: 0.3 } }, "safemerge", "linear"] as const;
    const models = { unaligned: "demo/model", safeModel: "demo/model+demo/adapters/seed-42" };
    const settings = await loadExperiment({ ...whole, ...models, methods: [...methods] });
    const { aligned, unaligned, safeModel } = settings;
    const [resta, safemerge, linear] = mergeSeries(settings, [{ seed: "42", model: "F" }]);
    const both = { base_model: aligned, models: [{ model: "F" }] };
    expect(resta?.merges[0]?.recipe).toEqual({
      ...{ merge_method: "resta", ...both },
      ...{ unaligned_model: unaligned, parameters: { gamma: 0.3 } },
    });
    expect(resta?.values).toEqual([0.2, 0.4, 0.6, 0.8]);
    expect(safemerge?.merges[0]?.recipe).toEqual({
      ...{ merge_method: "safemerge", ...both, unaligned_model: unaligned, safe_model: safeModel },
    });
    expect(safeModel).toMatch(/model\+.*seed-42$/);
    expect(linear?.merges[0]?.recipe).not.toHaveProperty("unaligned_model");
  });

  it("has a merge for each mask of a tuning, the first with the tuning's own seed", async () => {
    const settings = await loadExperiment({ ...whole, methods: [{ method: "dare_linear", lambda: 0.5, masks: 3 }] });
    const tuned = [
      { seed: "42", model: "F" },
      { seed: "7", model: "G" },
    ];
    const merges = mergeSeries(settings, tuned)[0]?.merges ?? [];
    expect(merges.map(({ seed }) => seed)).toEqual(
      ["42", "7"].flatMap((seed) => [seed, `${seed} mask 2`, `${seed} mask 3`]),
    );
    expect([merges[0]?.maskSeed, merges[3]?.maskSeed]).toEqual([42, 7]);
    expect(new Set(merges.map(({ maskSeed }) => maskSeed)).size).toBe(6);
    await expect(loadExperiment({ ...whole, methods: [{ method: "ties", masks: 3 }] })).rejects.toThrow(
      /ties draws no masks: leave masks out/,
    );
  });

  it("has masks of resta where its density drops values", async () => {
    const resta = (density: number) => ({ method: "resta", lambda: 0.5, parameters: { density }, masks: 3 }) as const;
    const settingsOf = (density: number) =>
      loadExperiment({ ...whole, unaligned: "demo/base", methods: [resta(density)] });
    const [series] = mergeSeries(await settingsOf(0.5), [{ seed: "42", model: "F" }]);
    expect(series?.merges.map(({ seed }) => seed)).toEqual(["42", "42 mask 2", "42 mask 3"]);
    await expect(settingsOf(1)).rejects.toThrow(/resta draws no masks: leave masks out/);
  });

  it("says everything that is wrong by itself at once", async () => {
    const wrong: Experiment = {
      ...whole,
      tuned: [{ seed: 1 }, { seed: 1, model: "a", adapter: "b" }],
      tune: { data: "rows.jsonl" },
      lambda: [0.5, 1.2],
      methods: [{ method: "model_stock", lambda: 0.5 }],
      select: { rule: "score", gate: "asr < aligned +", corrected: true },
    };
    const error = (await loadExperiment(wrong).catch((one: Error) => one)) as Error;
    for (const part of [
      "give either tuned or tune",
      "tuned seed 1: give either model or adapter",
      "tuned seed 1 occurs twice",
      "lambda 1.2 is outside of 0 to 1",
      "model_stock over all tuned models has no lambda",
      "the end where a number, aligned or tuned",
      "select.corrected needs safety.calibration",
    ]) {
      expect(error.message).toContain(part);
    }
    await expect(loadExperiment({ ...wrong, typo: 1 } as never)).rejects.toThrow(/typo/);
  });

  it("knows the options of its tunings by name and type", async () => {
    const tune = (options: object) =>
      loadExperiment({ ...whole, tuned: undefined, tune: { data: "rows.jsonl", options } } as unknown as Experiment);
    expect((await tune({ learningRate: 1e-3, betas: [0.9, 0.99] })).tune?.options).toMatchObject({
      learningRate: 1e-3,
    });
    await expect(tune({ learningrate: 1e-3 })).rejects.toMatchObject({
      code: "BAD_RECIPE",
      message: expect.stringMatching(/tune\.options.*learningrate/),
    });
    await expect(tune({ rank: "8" })).rejects.toThrow(/tune\.options\.rank/);
    // What the run decides itself: by its own `engine`, and the seeds.
    await expect(tune({ threads: 2 })).rejects.toThrow(/threads/);
  });

  it("says what models and sets lack before anything is evaluated, all at once", async () => {
    const empty = join(folder, "empty.jsonl");
    writeFileSync(empty, "");
    const out = join(folder, "out");
    const wrong: Experiment = {
      ...whole,
      tuned: [{ seed: 1, adapter: join(folder, "no-adapter") }],
      safety: { sets: [`safety:${empty}`], judges: ["oracle"] },
      task: { validation: ["exact:nowhere.jsonl"], test: ["exact:demo/task_test.jsonl"] },
    };
    const error = (await run(wrong, out).catch((one: Error) => one)) as Error;
    for (const part of [/no judge "oracle"/, /empty\.jsonl/, /nowhere\.jsonl/, /no-adapter/]) {
      expect(error.message).toMatch(part);
    }
  });

  it("corrects its choice for the judge's errors only where labelled answers tell them", async () => {
    const select = { rule: "constrained", corrected: true } as const;
    await expect(loadExperiment({ ...whole, select })).rejects.toThrow(/select\.corrected needs safety\.calibration/);
    const safety = { ...whole.safety, calibration: "labelled.jsonl" };
    const settings = await loadExperiment({ ...whole, safety, select });
    expect([settings.select.corrected, settings.safety.calibration]).toEqual([true, resolve("labelled.jsonl")]);
  });

  it("takes lambdas outside of 0 to 1 where that is meant", async () => {
    const beyond = { ...whole, lambda: [-0.2, 1.2] };
    await expect(loadExperiment(beyond)).rejects.toThrow(
      /lambda -0\.2, 1\.2 is outside of 0 to 1: write extrapolate: true/,
    );
    const { lambda } = await loadExperiment({ ...beyond, extrapolate: true });
    expect(lambda).toEqual([-0.2, 1.2]);
  });

  it("follows the paper with its preset, but for what it says itself", async () => {
    const { aligned, task } = whole;
    const given = { preset: "paper", aligned, task, tune: { data: "rows.jsonl", options: { rank: 4 } } };
    const settings = await loadExperiment(given as never);
    expect(settings).toMatchObject({
      tune: { data: resolve("rows.jsonl"), seeds: [42, 1024, 48763], options: { preset: "paper", rank: 4 } },
      methods: ["linear", "slerp", { method: "dare_linear", parameters: { density: 0.5 } }, "model_stock"],
      lambda: [0.2, 0.4, 0.6, 0.8],
      safety: { sets: ["advbench", "hexphi"], judges: ["wildguard", "keyword"] },
      select: { rule: "score" },
    });
    expect(settings.limit).toBeUndefined();
    const own = await loadExperiment({ ...given, methods: ["ties"], safety: { judges: ["keyword"] } } as never);
    expect([own.methods, own.safety]).toMatchObject([["ties"], { sets: ["advbench", "hexphi"], judges: ["keyword"] }]);
  });

  it("is a first look with the preset quick, which needs sets", async () => {
    const { methods: _, tuned: __, ...rest } = whole;
    const settings = await loadExperiment({ ...rest, preset: "quick", tune: { data: "rows.jsonl" } } as never);
    expect(settings).toMatchObject({ methods: ["linear"], limit: 240, tune: { seeds: [42], options: { epochs: 1 } } });
    const { safety: ___, ...bare } = rest;
    await expect(loadExperiment({ ...bare, preset: "quick", tune: { data: "rows.jsonl" } } as never)).rejects.toThrow(
      /safety/,
    );
  });

  it("is what init writes, once its paths are real", async () => {
    const file = join(folder, "experiment.yml");
    writeFileSync(file, EXPERIMENT_TEMPLATE);
    const settings = await loadExperiment(file);
    expect(settings.select).toMatchObject({ rule: "constrained", margin: 0.05 });
  });
});
