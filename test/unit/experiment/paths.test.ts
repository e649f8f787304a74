// Paths of an experiment: from its file, whatever they hold and wherever the run is started.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { maskSeedOf } from "../../../lib/experiment/candidates/merges.js";
import { run } from "../../../lib/experiment/run.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import { modelParts } from "../../../lib/experiment/settings/modelParts.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { recipeOf } from "../../../lib/generate/virtual/recipeOf.js";
import { parseModelReference } from "../../../lib/recipe/modelReference.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-c++-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
for (const name of ["model", "adapter+1"]) {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "config.json"), "{}");
}

/** The working directory of tests has demo/. */
const inTheWorkingDirectory: Experiment = {
  aligned: "demo/model",
  tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }],
  methods: ["linear"],
  safety: { sets: ["safety:demo/unsafe.jsonl"], judges: [{ classifier: "demo/model" }, "wildguard:demo/model"] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
};

function fileWith(experiment: Experiment): string {
  const file = join(folder, "experiment.json");
  writeFileSync(file, JSON.stringify(experiment));
  return file;
}

describe("paths of an experiment", () => {
  it("are never those of the working directory", async () => {
    const settings = await loadExperiment(fileWith(inTheWorkingDirectory));
    const there = (path: string) => join(folder, path);
    expect(settings).toMatchObject({
      aligned: there("demo/model"),
      tuned: [{ adapter: there("demo/adapters/seed-42") }],
      safety: {
        sets: [`safety:${there("demo/unsafe.jsonl")}`],
        judges: [{ classifier: there("demo/model") }, `wildguard:${there("demo/model")}`],
      },
      task: {
        validation: [`exact:${there("demo/task_valid.jsonl")}`],
        test: [`exact:${there("demo/task_test.jsonl")}`],
      },
    });
  });

  it("are named where they should be, when nothing is there", async () => {
    const experiment = {
      ...inTheWorkingDirectory,
      aligned: resolve("demo/model"),
      tuned: [{ seed: 1, model: resolve("demo/model") }],
    };
    const file = fileWith({ ...experiment, safety: { sets: ["safety:demo/unsafe.jsonl"] } });
    await expect(run(file, join(folder, "out"))).rejects.toThrow(join(folder, "demo/task_test.jsonl"));
  });

  it("are left where they name something of the hub", async () => {
    const settings = await loadExperiment(
      fileWith({
        ...inTheWorkingDirectory,
        aligned: "org/model",
        tuned: [{ seed: 1, model: "org/model@main+org/adapter" }],
        safety: { sets: ["advbench", "safety:hf://datasets/org/set/a.csv"] },
      }),
    );
    expect(settings).toMatchObject({
      aligned: "org/model",
      tuned: [{ model: "org/model@main+org/adapter" }],
      safety: { sets: ["advbench", "safety:hf://datasets/org/set/a.csv"] },
    });
  });

  it("take a model of the hub's cache that has the name of a folder of the working directory", async () => {
    const cache = join(folder, "hub");
    const snapshot = join(cache, "models--demo--model/snapshots/abc");
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(cache, "models--demo--model/refs"));
    writeFileSync(join(cache, "models--demo--model/refs/main"), "abc");
    vi.stubEnv("HF_HUB_CACHE", cache);
    const { aligned } = await loadExperiment(fileWith(inTheWorkingDirectory));
    vi.unstubAllEnvs();
    expect(aligned).toBe(snapshot);
  });

  it("may hold a +", async () => {
    const { aligned, tuned } = await loadExperiment(
      fileWith({ ...inTheWorkingDirectory, aligned: "model", tuned: [{ seed: 1, model: "model+adapter+1" }] }),
    );
    expect(aligned).toBe(join(folder, "model"));
    expect(tuned).toMatchObject([{ model: `${join(folder, "model")}+${join(folder, "adapter+1")}` }]);
  });
});

describe("a model whose path holds a +", () => {
  it("is one model, and with an adapter two", () => {
    const [model, adapter] = [join(folder, "model"), join(folder, "adapter+1")];
    expect(modelParts(model)).toEqual([{ path: model }]);
    expect(modelParts(`${model}+${adapter}`)).toEqual([{ path: model }, { path: adapter }]);
    expect(modelParts(`org/name+${adapter}`)).toEqual([{ path: "org/name" }, { path: adapter }]);
    expect(parseModelReference(`org/name@main+${adapter}`)).toMatchObject({
      path: "org/name",
      revision: "main",
      lora: { path: adapter },
    });
    expect(() => modelParts("model+")).toThrow(/needs a model before the \+/);
  });

  it("is opened as a recipe only with an adapter", () => {
    expect(recipeOf(join(folder, "model"))).toBeUndefined();
    expect(recipeOf(`${join(folder, "model")}@main`)).toBeUndefined();
    const both = `${join(folder, "model")}+${join(folder, "adapter+1")}`;
    expect(recipeOf(both)).toEqual({ merge_method: "passthrough", models: [{ model: both }] });
  });
});

describe("the seed of masks", () => {
  it("is the tuning's, where that is a number of 1 to 9 digits", () => {
    expect(["0", "7", "42", "048", "999999999"].map(maskSeedOf)).toEqual([0, 7, 42, 48, 999_999_999]);
  });

  it("is another one for every other text", () => {
    const others = ["", "a", "b", "seed-1", "-1", "1.5", "1234567890", "12345678901234567890"].map(maskSeedOf);
    expect(new Set([0, ...others]).size).toBe(others.length + 1);
    // sha256("a") begins with ca978112, whose first 31 bits are 654bc089
    expect(maskSeedOf("a")).toBe(0x654bc089);
    for (const seed of others) expect(seed).toBeLessThan(2 ** 31);
  });
});
