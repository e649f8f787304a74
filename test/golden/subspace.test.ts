// lox and lssf on tiny models of four families: against their formulas in float64, and lox against its authors' own code.

import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { type MergeOptions, merge, openModel, type Recipe } from "../../lib/index.js";
import { withTarget } from "../differential/withTarget.js";
import { languageModel, readCheckpoint, type TestTensor, writeModel } from "../e2e/mergeModels.js";
import { casesOf, long } from "../long.js";

const golden = join(import.meta.dirname, "subspace");
const demo = join(import.meta.dirname, "..", "..", "demo");
const families = ["llama", "gemma2", "qwen2", "gpt2"];
const folder = mkdtempSync(join(tmpdir(), "retemper-subspace-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
async function merged(recipe: Recipe, options: MergeOptions = {}): Promise<string> {
  const out = join(folder, `${made++}`);
  await merge(recipe, out, { threads: 2, ...options });
  return out;
}

function recipe(family: string, method: "lox" | "lssf", parameters: object, more: object = {}): Recipe {
  const place = join(golden, family);
  return {
    merge_method: method,
    base_model: join(place, "aligned"),
    unaligned_model: join(place, "unaligned"),
    ...(method === "lssf" && { models: [{ model: join(place, "tuned") }] }),
    parameters,
    dtype: "float32",
    ...more,
  };
}

/** The largest difference of a tensor, as a share of its largest value. */
function apart(got: ReadonlyMap<string, TestTensor>, want: ReadonlyMap<string, TestTensor>): number {
  expect([...got.keys()].sort()).toEqual([...want.keys()].sort());
  const shares = [...want].map(([name, { shape, values }]) => {
    const tensor = got.get(name) as TestTensor;
    expect(tensor.shape).toEqual(shape);
    const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    return (
      values.reduce((max, value, at) => Math.max(max, Math.abs((tensor.values[at] ?? Number.NaN) - value)), 0) / most
    );
  });
  return Math.max(...shares);
}

const bytesOf = (out: string) => readFileSync(join(out, "model.safetensors"));

describe.each(casesOf(families, ["llama", "gpt2"]))("low-rank parts of what aligned a model, of %s", (family) => {
  it("are what the formula of LoX says, to 1e-5 of each tensor", async () => {
    const out = await merged(recipe(family, "lox", { k: 3, coefficient: 1.25 }));
    const want = readCheckpoint(join(golden, family), "lox.safetensors");
    expect(apart(readCheckpoint(out), want)).toBeLessThan(1e-5);
    // What the formula changes is more than that.
    expect(apart(readCheckpoint(join(golden, family, "aligned")), want)).toBeGreaterThan(0.01);
  });

  it("are what the formula of LSSF says, to 1e-5 of each tensor", async () => {
    const out = await merged(recipe(family, "lssf", { eta: 0.9, alpha: 0.8, lambda: 0.7 }));
    const want = readCheckpoint(join(golden, family), "lssf.safetensors");
    expect(apart(readCheckpoint(out), want)).toBeLessThan(1e-5);
  });

  it.each([
    [0, 1],
    [3, 1.25],
  ])("are within one unit of bfloat16 of LoX's own code, with k = %i", async (k, coefficient) => {
    const got = readCheckpoint(await merged(recipe(family, "lox", { k, coefficient }, { dtype: "bfloat16" })));
    let [values, other, most] = [0, 0, 0];
    for (const [name, { bits }] of readCheckpoint(join(golden, family), `own-lox-${k}.safetensors`)) {
      const own = got.get(name)?.bits as Uint16Array;
      for (const [at, bit] of (bits as Uint16Array).entries()) {
        const units = Math.abs(order(own[at]) - order(bit));
        // Around 0 a unit is smaller than float32's own error of the sum.
        if (bit & 0x7f80 && (bit & 0x7f80) >= SMALL) most = Math.max(most, units);
        other += Number(units > 0);
        values++;
      }
    }
    expect(values).toBeGreaterThan(2000);
    expect(most).toBeLessThanOrEqual(1);
    expect(other / values).toBeLessThan(0.01);
  });
});

/** The bits of 2^-13: below it one unit of bfloat16 is nearly what float32 leaves of the sums. */
const SMALL = (127 - 13) << 7;

/** 16-bit floats as integers in order of value, so that neighbours differ by one. */
function order(bits = 0): number {
  return bits & 0x8000 ? -(bits & 0x7fff) : bits;
}

describe("low-rank parts of what aligned a model", () => {
  it.each(["lox", "lssf"] as const)(
    "give the same bytes on every instruction set and for any number of threads: %s",
    async (method) => {
      const targets = loadAddon()
        .describe()
        .targets.filter((target) => target !== "cuda");
      const all: Buffer[] = [];
      for (const target of [targets[0], targets.at(-1)]) {
        for (const threads of [1, 3])
          all.push(bytesOf(await withTarget(target, () => merged(recipe("llama", method, {}), { threads }))));
      }
      for (const bytes of all) expect(bytes.equals(all[0] as Buffer)).toBe(true);
    },
  );

  it("change nothing where the aligned model is the unaligned one", async () => {
    const aligned = join(golden, "llama", "aligned");
    const copy = join(folder, "copy");
    cpSync(aligned, copy, { recursive: true });
    for (const k of [0, 2]) {
      const out = await merged({ ...recipe("llama", "lox", { k }), unaligned_model: copy });
      expect(apart(readCheckpoint(out), readCheckpoint(aligned))).toBe(0);
    }
  });

  it("need an unaligned model of the same matrices", async () => {
    const other = { ...recipe("llama", "lox", { k: 2 }), unaligned_model: join(golden, "gpt2", "unaligned") };
    await expect(merged(other)).rejects.toMatchObject({
      code: "INCOMPATIBLE",
      hint: expect.stringContaining("aligned from"),
    });
  });

  it("refuse weights that are no matrices, by name, and take all of the change with k: 0", async () => {
    const [aligned, unaligned] = [1, 2].map((seed) => {
      const stack = { shape: [2, 3, 4], values: languageModel(seed)["model.embed_tokens.weight"]?.values ?? [] };
      const model = { ...languageModel(seed), "model.layers.0.mlp.experts.up_proj": stack };
      return writeModel(join(folder, `stack-${seed}`), model);
    });
    const asked = { merge_method: "lox", base_model: aligned, unaligned_model: unaligned, dtype: "float32" };
    await expect(merged({ ...asked, parameters: { k: 1 } })).rejects.toMatchObject({
      code: "INCOMPATIBLE",
      message: expect.stringContaining("model.layers.0.mlp.experts.up_proj is [2, 3, 4]"),
    });
    const out = readCheckpoint(await merged({ ...asked, parameters: { k: 0, coefficient: 2 } }));
    const [a, u] = [aligned, unaligned].map((model) => readCheckpoint(model as string));
    for (const [name, { shape, values }] of out) {
      const [before, other] = [a?.get(name)?.values ?? [], u?.get(name)?.values ?? []];
      const times = shape.length > 1 ? 2 : 0;
      values.forEach((value, at) => {
        const from = before[at] ?? Number.NaN;
        expect(value).toBeCloseTo(from + times * (from - (other[at] ?? Number.NaN)), 5);
      });
    }
  });

  it.runIf(long)(
    "lie on a model with an adapter too: of that adapter's own change, it is the adapter with a larger weight",
    async () => {
      const [base, tuned] = [`${demo}/model`, `${demo}/model+${demo}/adapters/seed-42`];
      const asked = { merge_method: "lox", base_model: tuned, unaligned_model: base, dtype: "float32" };
      const out = await merged({ ...asked, parameters: { k: 16, coefficient: 0.5 } });
      const more = await merged({
        merge_method: "task_arithmetic",
        base_model: base,
        models: [{ model: tuned, parameters: { weight: 1.5 } }],
        dtype: "float32",
      });
      expect(apart(readCheckpoint(out), readCheckpoint(more))).toBeLessThan(1e-5);
      expect(
        apart(readCheckpoint(out), readCheckpoint(await merged({ ...asked, parameters: { k: 1 } }))),
      ).toBeGreaterThan(1e-3);
    },
  );

  it("can be written as an adapter, which is the same model", async () => {
    const asked = recipe("llama", "lox", { k: 2, coefficient: 0.5 });
    const out = await merged(asked, { format: "adapter" });
    const whole = await merged(asked);
    const together = await merged({
      merge_method: "linear",
      models: [{ model: `${join(golden, "llama", "aligned")}+${out}`, parameters: { weight: 1 } }],
      dtype: "float32",
    });
    expect(apart(readCheckpoint(together), readCheckpoint(whole))).toBeLessThan(1e-6);
  });

  // Each opens a model twice.
  it.runIf(long).each([
    { merge_method: "lox", parameters: { k: 3, coefficient: 0.5 } },
    { merge_method: "lssf", models: [{ model: `${demo}/model+${demo}/adapters/seed-1024` }], parameters: { eta: 0.5 } },
  ])("are generated from without a checkpoint as from one: $merge_method", async (own) => {
    const aligned = { base_model: `${demo}/model`, unaligned_model: `${demo}/model+${demo}/adapters/seed-42` };
    const asked = { ...own, ...aligned, dtype: "bfloat16" };
    const logits: Float32Array[] = [];
    for (const what of [asked, await merged(asked)]) {
      const model = await openModel(what, { threads: 1 });
      logits.push(...(await model.logits([[5, 100, 700, 31]])));
      await model.close();
    }
    expect(logits[0]?.length).toBe(4 * 1280);
    expect(logits[0]).toEqual(logits[1]);
  });
});
