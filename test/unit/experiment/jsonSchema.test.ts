// The JSON Schema for editors takes the experiments that the repository ships, and refuses what the run would refuse.

import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { experimentJsonSchema } from "../../../lib/experiment/settings/jsonSchema.js";
import { EXPERIMENT_TEMPLATE } from "../../../lib/experiment/settings/template.js";

const valid = new Ajv({ strict: false, allErrors: true }).compile(experimentJsonSchema());
const shipped = (path: string) => parse(readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8"));
const demo = shipped("demo/experiment.yml") as Record<string, unknown>;
const { tune, ...untuned } = demo;
const without = (key: string) => Object.fromEntries(Object.entries(demo).filter(([name]) => name !== key));

describe("the JSON Schema of experiments", () => {
  it.each([
    ["the demo's", demo],
    ["SmolLM2's", shipped("examples/smollm2/experiment.yml")],
    ["what init writes", parse(EXPERIMENT_TEMPLATE)],
    ["a preset that brings methods", { ...without("methods"), preset: "quick" }],
    ["the paper's, which brings safety too", { ...without("methods"), safety: { label: "ASR" }, preset: "paper" }],
    ["forms in which it ships", { ...demo, ship: ["gguf:q4_k_m", "fp8", { format: "adapter", rank: 8, test: false }] }],
    ["a lambda outside of 0 to 1 that is meant", { ...demo, lambda: [1.2], extrapolate: true }],
  ])("takes %s", (_, experiment) => {
    expect(valid(experiment) ? [] : valid.errors).toEqual([]);
  });

  it.each([
    ["no aligned model", without("aligned")],
    ["no tuned models", untuned],
    ["two sources of tuned models", { ...demo, tuned: [{ seed: 1, adapter: "a" }] }],
    ["a tuning without data", { ...untuned, tune: { seeds: [1] } }],
    ["a key that there is not", { ...demo, lamda: 0.5 }],
    ["a method that there is not", { ...demo, methods: ["linaer"] }],
    ["no methods, and no preset", without("methods")],
    ["no safety sets under a preset without any", { ...demo, safety: {}, preset: "quick" }],
    ["a lambda above 1", { ...demo, lambda: [0.5, 1.2] }],
    ["a method's lambda below 0", { ...demo, methods: [{ method: "linear", lambda: -0.1 }] }],
    ["a rule that there is not", { ...demo, select: { rule: "best" } }],
    ["a form that there is not", { ...demo, ship: ["onnx"] }],
    ["a type of a form that there is not", { ...demo, ship: [{ format: "gguf", quantise: "q3_k" }] }],
    ["a preset that there is not", { ...demo, preset: "slow" }],
  ])("refuses %s", (_, experiment) => {
    expect(valid(experiment)).toBe(false);
  });

  it("has words for every key at the top", () => {
    const { properties } = experimentJsonSchema() as { properties: Record<string, { description?: string }> };
    const silent = Object.entries(properties).filter(([, { description }]) => !description);
    expect(silent.map(([name]) => name)).toEqual([]);
  });
});
