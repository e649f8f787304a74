// Scaled adapters stand for the merged models: the base with a scaled adapter has the merged model's weights.

import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspect, merge, type Recipe, sweep, verify } from "../../lib/index.js";
import { demoAdapter, demoModel } from "./command.js";
import { readCheckpoint, type TestModel, writeModel } from "./mergeModels.js";

let folder: string;
let base: string;
let out: string;

const LAYER = "model.layers.0.self_attn.q_proj";
const KEY = `base_model.model.${LAYER}`;
const fill = (count: number, salt: number) => Array.from({ length: count }, (_, i) => Math.sin(i * 0.7 + salt));
/** Values with few digits, so that every 16-bit dtype holds them. */
const short = (count: number, salt: number) => fill(count, salt).map((x) => Math.round(x * 64) / 64);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-adapters-"));
  out = join(folder, "out");
  base = writeModel(join(folder, "base"), {
    "model.embed_tokens.weight": { shape: [5, 4], values: fill(20, 1) },
    [`${LAYER}.weight`]: { shape: [6, 4], values: fill(24, 2) },
    [`${LAYER}.bias`]: { shape: [6], values: fill(6, 3) },
    "lm_head.weight": { shape: [5, 4], values: fill(20, 4) },
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function writeAdapter(tensors: TestModel, config: object = {}): string {
  const path = writeModel(join(folder, "adapter"), tensors);
  renameSync(join(path, "model.safetensors"), join(path, "adapter_model.safetensors"));
  rmSync(join(path, "config.json"));
  const settings = { peft_type: "LORA", r: 2, lora_alpha: 3, base_model_name_or_path: "elsewhere", ...config };
  writeFileSync(join(path, "adapter_config.json"), JSON.stringify(settings));
  return path;
}

function lora(dtype = "F32"): TestModel {
  return {
    [`${KEY}.lora_A.weight`]: { dtype, shape: [2, 4], values: short(8, 5) },
    [`${KEY}.lora_B.weight`]: { dtype, shape: [6, 2], values: short(12, 6) },
  };
}

const recipe = (model: string, adapter: string): Recipe => ({
  merge_method: "linear",
  out_dtype: "float32",
  models: [{ model }, { model: `${model}+${adapter}` }],
});

/** The base with an adapter, as a checkpoint. */
async function applied(model: string, adapter: string, name: string) {
  const whole = { merge_method: "passthrough", out_dtype: "float32", models: [{ model: `${model}+${adapter}` }] };
  await merge(whole, join(folder, "applied", name));
  return readCheckpoint(join(folder, "applied", name));
}

async function expectSameModels(model: string, adapter: string, lambdas: readonly number[]): Promise<void> {
  await sweep(recipe(model, adapter), { lambdas }, join(folder, "checkpoints"));
  const report = await sweep(recipe(model, adapter), { lambdas }, out, { outAdapter: true });
  for (const { name, out: point } of report.points) {
    const got = await applied(model, point, name);
    for (const [tensor, { values }] of readCheckpoint(join(folder, "checkpoints", name))) {
      const largest = (numbers: readonly number[]) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const most = largest(values);
      const error = largest(values.map((value, i) => value - (got.get(tensor)?.values[i] ?? Number.NaN)));
      expect(error / most, `${name} ${tensor}`).toBeLessThan(2e-6);
    }
    expect((await verify(point)).problems).toEqual([]);
  }
}

const dtypes = (point: string) =>
  [...readCheckpoint(join(out, point), "adapter_model.safetensors").values()].map(({ dtype }) => dtype);

describe("a sweep that writes adapters", () => {
  it("writes adapters that make the merged models, for the demo's tuning", async () => {
    await expectSameModels(demoModel, demoAdapter, [0, 0.3, 0.5, 1, 1.5]);
  });

  it("does so for rsLoRA, rank patterns and adapted embeddings", async () => {
    const tensors = {
      ...lora(),
      "base_model.model.model.embed_tokens.lora_embedding_A": { shape: [3, 5], values: short(15, 7) },
      "base_model.model.model.embed_tokens.lora_embedding_B": { shape: [4, 3], values: short(12, 8) },
    };
    const adapter = writeAdapter(tensors, { use_rslora: true, rank_pattern: { embed_tokens: 3 } });
    await expectSameModels(base, adapter, [0.2, 0.9]);
  });

  it("writes a folder that PEFT loads: weights, a configuration with the base's path, a card", async () => {
    const adapter = writeAdapter(lora());
    await sweep(recipe(base, adapter), { lambdas: [0.25] }, out, { outAdapter: true });
    const point = join(out, "lambda-0.25");
    expect(readdirSync(point).sort()).toEqual([
      "README.md",
      "adapter_config.json",
      "adapter_model.safetensors",
      "mergekit_config.yml",
      "retemper.json",
    ]);
    const config = JSON.parse(readFileSync(join(point, "adapter_config.json"), "utf8"));
    expect(config).toEqual({ peft_type: "LORA", r: 2, lora_alpha: 3, base_model_name_or_path: base });
    expect(readFileSync(join(point, "README.md"), "utf8")).toContain('library_name: "peft"');
    expect((await inspect(point)).kind).toBe("adapter");
    const [a, b] = [...readCheckpoint(point, "adapter_model.safetensors").values()];
    expect(a?.values).toEqual(short(8, 5));
    expect(b?.values).toEqual(short(12, 6).map((x) => x / 4));
  });

  it("keeps bfloat16 where the product is exact, and else takes float32", async () => {
    const adapter = writeAdapter(lora("BF16"));
    await expectSameModels(base, adapter, [0.5, 0.3, 1, 0, -0.25]);
    expect(dtypes("lambda-0.5")).toEqual(["BF16", "BF16"]);
    expect(dtypes("lambda-0.3")).toEqual(["BF16", "F32"]);
    expect(dtypes("lambda-0")).toEqual(["BF16", "BF16"]);
    expect(dtypes("lambda--0.25")).toEqual(["BF16", "BF16"]);
    const b = (adapterFolder: string) =>
      readCheckpoint(adapterFolder, "adapter_model.safetensors").get(`${KEY}.lora_B.weight`);
    expect(b(join(out, "lambda-1"))).toEqual(b(adapter));
  });

  it("scales by the adapted model's own share where it stands first", async () => {
    const adapter = writeAdapter(lora());
    const models = [{ model: `${base}+${adapter}` }, { model: base }];
    await sweep({ merge_method: "linear", models }, { lambdas: [0.25] }, out, { outAdapter: true });
    const b = readCheckpoint(join(out, "lambda-0.25"), "adapter_model.safetensors").get(`${KEY}.lora_B.weight`);
    expect(b?.values).toEqual(short(12, 6).map((x) => x * 0.75));
  });
});

describe("an adapter that would not be the merged model", () => {
  const two = (adapter: string) => recipe(base, adapter);
  const bias = { [`${KEY}.lora_B.bias`]: { shape: [6], values: fill(6, 9) } };
  const magnitude = { [`${KEY}.lora_magnitude_vector`]: { shape: [6], values: fill(6, 9) } };
  const head = { "base_model.model.lm_head.weight": { shape: [5, 4], values: fill(20, 9) } };
  const savedBias = { [`base_model.model.${LAYER}.bias`]: { shape: [6], values: fill(6, 9) } };
  it.each([
    ["DoRA", () => two(writeAdapter({ ...lora(), ...magnitude }, { use_dora: true })), /DoRA/],
    ["a bias of B", () => two(writeAdapter({ ...lora(), ...bias }, { lora_bias: true })), /lora_bias/],
    ["saved biases", () => two(writeAdapter({ ...lora(), ...savedBias }, { bias: "all" })), /bias: all/],
    [
      "saved modules",
      () => two(writeAdapter({ ...lora(), ...head }, { modules_to_save: ["lm_head"] })),
      /modules_to_save/,
    ],
    ["another method", () => ({ ...two(writeAdapter(lora())), merge_method: "slerp", base_model: base }), /slerp/],
    [
      "two whole models",
      () => ({ merge_method: "linear", models: [{ model: base }, { model: copy() }] }),
      /that model \+ adapter/,
    ],
    ["another tokenizer", () => ({ ...two(demoAdapter), models: demo(), tokenizer: { source: "base" } }), /tokenizer/],
  ] as const)("is refused with a reason and a remedy: %s", async (_, make, reason) => {
    const swept = sweep(make() as Recipe, { lambdas: [0.5] }, out, { outAdapter: true });
    await expect(swept).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(reason),
      hint: expect.stringMatching(/checkpoints/),
    });
    expect(readdirSync(folder)).not.toContain("out");
  });

  it("is refused for parameters other than lambda", async () => {
    const models = [{ model: base }, { model: `${base}+${writeAdapter(lora())}` }];
    const swept = sweep({ merge_method: "linear", models }, { weight: [0.5, 1] }, out, { outAdapter: true });
    await expect(swept).rejects.toMatchObject({ code: "USAGE" });
  });

  function copy() {
    cpSync(base, join(folder, "copy"), { recursive: true });
    return join(folder, "copy");
  }

  function demo() {
    return [{ model: demoModel }, { model: `${demoModel}+${demoAdapter}` }];
  }
});
