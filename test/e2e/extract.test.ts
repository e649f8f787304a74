// The difference of two models as an adapter: at full rank it is the second model, at a lower one the report is true.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { extract, merge } from "../../lib/index.js";
import { demoAdapter, demoModel, run } from "./command.js";
import { readCheckpoint, type TestModel, writeModel } from "./mergeModels.js";

let folder: string;
let base: string;
let tuned: string;

const LAYER = "model.layers.0.self_attn.q_proj";
const OTHER = "model.layers.1.mlp.up_proj";
const SAME = "model.layers.1.self_attn.q_proj";
const fill = (count: number, salt: number) =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * (0.7 + salt / 9) + salt)));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-extract-"));
  const model = (change: number): TestModel => {
    const values = (count: number, salt: number, by = change) =>
      fill(count, salt).map((value, i) => Math.fround(value + by * Math.sin(i * i + salt)));
    return {
      "model.embed_tokens.weight": { shape: [5, 8], values: values(40, 1) },
      [`${LAYER}.weight`]: { shape: [12, 8], values: values(96, 2) },
      [`${LAYER}.bias`]: { shape: [12], values: values(12, 3) },
      [`${OTHER}.weight`]: { shape: [9, 8], values: values(72, 4) },
      [`${SAME}.weight`]: { shape: [12, 8], values: values(96, 5, 0) },
      "model.norm.weight": { shape: [8], values: values(8, 6, 0) },
      "lm_head.weight": { shape: [5, 8], values: values(40, 7) },
    };
  };
  base = writeModel(join(folder, "base"), model(0));
  tuned = writeModel(join(folder, "tuned"), model(0.25));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Weights = ReadonlyMap<string, { readonly values: readonly number[] }>;

async function withAdapter(adapter: string): Promise<Weights> {
  const out = join(folder, "read");
  const models = [{ model: `${base}+${adapter}` }];
  await merge({ merge_method: "passthrough", out_dtype: "float32", models }, out, { force: true });
  return readCheckpoint(out);
}

const distance = (a: Weights, b: Weights, name: string) =>
  Math.hypot(...(a.get(name)?.values ?? []).map((value, i) => value - (b.get(name)?.values[i] ?? Number.NaN)));

describe("extract", () => {
  it("makes the second model at full rank, and keeps whole what is no matrix of a layer", async () => {
    const out = join(folder, "adapter");
    const { adapter } = await extract(base, tuned, out, { rank: 64 });
    const [got, wanted] = [await withAdapter(out), readCheckpoint(tuned)];
    for (const name of wanted.keys()) expect(distance(got, wanted, name), name).toBeLessThan(1e-6);
    expect(adapter).toMatchObject({ base, kept: 1, error: 0 });
    expect(adapter?.whole).toEqual(["model.embed_tokens.weight", `${LAYER}.bias`, "lm_head.weight"]);
    const config = JSON.parse(readFileSync(join(out, "adapter_config.json"), "utf8"));
    expect(config).toMatchObject({
      r: 8,
      target_modules: [LAYER, OTHER], // a short name would take in the q_proj that is the same
      modules_to_save: ["lm_head", "model.embed_tokens"],
      bias: "all",
    });
  });

  it("tells by tensor and in all what a lower rank keeps", async () => {
    const out = join(folder, "adapter");
    const { adapter } = await extract(base, tuned, out, { rank: 2 });
    const [got, wanted, before] = [await withAdapter(out), readCheckpoint(tuned), readCheckpoint(base)];
    expect(adapter?.tensors.map(({ name, rank }) => [name, rank])).toEqual([
      [`${LAYER}.weight`, 2],
      [`${OTHER}.weight`, 2],
    ]);
    let [lost, all] = [0, 0];
    for (const { name, error, kept } of adapter?.tensors ?? []) {
      const [rest, change] = [distance(got, wanted, name), distance(wanted, before, name)];
      expect(error).toBeGreaterThan(0.1);
      expect(error).toBeCloseTo(rest / change, 5);
      expect(kept).toBeCloseTo(1 - (rest / change) ** 2, 5);
      lost += rest ** 2;
      all += change ** 2;
    }
    expect(adapter?.error).toBeCloseTo(Math.sqrt(lost / all), 5);
  });

  it("gives an adapter back that was merged into a model", async () => {
    const merged = join(folder, "merged");
    const models = [{ model: `${demoModel}+${demoAdapter}` }];
    await merge({ merge_method: "passthrough", out_dtype: "float32", models }, merged);
    const { adapter } = await extract(demoModel, merged, join(folder, "adapter"), { rank: 8 });
    expect(adapter?.whole).toEqual([]);
    expect(adapter?.error).toBeLessThan(1e-4);
    const joined = await extract(demoModel, `${demoModel}+${demoAdapter}`, join(folder, "joined"), { rank: 8 });
    expect(joined.adapter).toMatchObject({ error: 0 });
  });

  it("approximates merges of any method, and writes the same as of the written merge", async () => {
    const recipe = {
      merge_method: "ties",
      base_model: base,
      out_dtype: "float32",
      models: [{ model: tuned, parameters: { weight: 1, density: 0.5 } }],
    };
    const whole = join(folder, "whole");
    await merge(recipe, whole);
    const direct = await merge(recipe, join(folder, "direct"), { format: "adapter", rank: 3 });
    const later = await extract(base, whole, join(folder, "later"), { rank: 3 });
    expect(direct.adapter?.tensors).toEqual(later.adapter?.tensors);
    const digest = ({ files }: typeof direct) => files.find(({ path }) => path === "adapter_model.safetensors")?.sha256;
    expect(digest(direct)).toBe(digest(later));
  });

  it("refuses a base with an adapter, other shapes, and models that do not differ", async () => {
    const out = join(folder, "out");
    await expect(extract(`${demoModel}+${demoAdapter}`, demoModel, out)).rejects.toMatchObject({ code: "USAGE" });
    await expect(extract(base, demoModel, out)).rejects.toMatchObject({ code: "INCOMPATIBLE" });
    await expect(extract(base, base, out)).rejects.toThrow(/nothing to adapt/);
    expect(readdirSync(folder)).not.toContain("out");
  });

  it("is a command that tells what is kept", async () => {
    const { status, stdout } = await run(["extract", base, tuned, join(folder, "adapter"), "--rank", "3", "--json"]);
    expect(status).toBe(0);
    const { result } = JSON.parse(stdout.trim().split("\n").at(-1) as string);
    expect(result.adapter.kept).toBeGreaterThan(0.5);
    const text = await run(["extract", base, tuned, join(folder, "text"), "--rank", "3"]);
    expect(text.stdout).toMatch(/2 products of rank 3, 3 tensors whole; \d+\.\d\d % of the squared norm/);
  });
});
