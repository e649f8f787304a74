// Virtual merges of models with adapters: beside PEFT's logits, beside the same merges written, and beside the scaled
// adapters that stand for them, here and in PEFT.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { merge, type Recipe, sweep } from "../../../lib/index.js";
import { runPython, whyNoPython } from "../../peers.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { type GoldenModel, modelFolder, promptsOf } from "./modelFolders.js";
import { largestDifference, logitsOf, variantsOf } from "./variants.js";
import { casesOf, long } from "../../long.js";

const adapters = join(import.meta.dirname, "..", "lora", "adapters");
const names = readdirSync(adapters);
const few = casesOf(
  names,
  names.filter((_, at) => at % 2 === 0),
);
const folder = mkdtempSync(join(tmpdir(), "retemper-virtual-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An adapter of the golden set: its folder, its base model, the prompts, and what PEFT found. */
function goldenAdapter(name: string) {
  const adapter = join(adapters, name);
  const { base } = JSON.parse(readFileSync(join(adapter, "expected.json"), "utf8")) as { base: string };
  const model = base.replace("models/", "") as GoldenModel;
  const prompts = promptsOf(model);
  const expected = readCheckpoint(adapter, "expected_logits.safetensors");
  const logits = (key: string) => {
    const { values, shape } = expected.get(key) as { values: readonly number[]; shape: readonly number[] };
    const width = shape[1] as number;
    return prompts.map((_, i) => Float32Array.from(values.slice(i * width, (i + 1) * width)));
  };
  /** Those of the last id of each prompt. */
  const last = (all: readonly Float32Array[] | undefined) =>
    (all ?? []).map((rows, i) => rows.subarray(rows.length - rows.length / (prompts[i] as number[]).length));
  return { adapter, base: modelFolder(model), prompts, logits, last };
}

const linear = (base: string, adapter: string, settings: object = {}) =>
  ({ merge_method: "linear", models: [{ model: base }, { model: `${base}+${adapter}` }], ...settings }) as Recipe;

describe("a model with an adapter", () => {
  it.each(names)("has PEFT's logits at lambda .3 and .7, and merged: %s", async (name) => {
    const { adapter, base, prompts, logits, last } = goldenAdapter(name);
    const recipe = linear(base, adapter, { out_dtype: "float32" });
    const got = await variantsOf(recipe, { lambdas: [0.3, 0.7, 1], fidelity: "linear" }, prompts);
    const wanted = ["last_logits_lambda_0.3", "last_logits_lambda_0.7", "last_logits_merged"];
    for (const [i, key] of wanted.entries()) {
      expect(largestDifference(last(got[i]), logits(key)), key).toBeLessThan(5e-4);
    }
    const out = join(folder, `written ${name}`);
    await merge(recipe, out, { lambda: 0.3 });
    const written = last(await logitsOf(out, {}, prompts));
    expect(largestDifference(written, logits("last_logits_lambda_0.3"))).toBeLessThan(5e-4);
    const alone = last(await logitsOf(`${base}+${adapter}`, { fidelity: "linear" }, prompts));
    expect(largestDifference(alone, logits("last_logits_merged"))).toBeLessThan(5e-4);
  });

  it.each(few)("has, to the bit, the logits of its written merges: %s", async (name) => {
    const { adapter, base, prompts } = goldenAdapter(name);
    const recipe = linear(base, adapter);
    const out = join(folder, `points ${name}`);
    await sweep(recipe, { lambdas: [0.3, 1] }, out);
    const got = await variantsOf(recipe, { lambdas: [0.3, 1], fidelity: "exact" }, prompts);
    for (const [i, lambda] of [0.3, 1].entries()) {
      expect(got[i]).toEqual(await logitsOf(join(out, `lambda-${lambda}`), {}, prompts));
    }
  });
});

describe("a summed adapter", () => {
  it("has the same bits for a row alone, in a batch of all lambdas, and on any number of threads", async () => {
    const { adapter, base } = goldenAdapter("all_linear_r8");
    const recipe = linear(base, adapter);
    const lambdas = [0, 0.3, 0.7]; // the first has no part of the adapter
    const ids = [50, 57, 64].map((length, p) => Array.from({ length }, (_, i) => (7 * i * (p + 1) + p) % 459));
    const together = await variantsOf(recipe, { lambdas, fidelity: "linear", threads: 1 }, ids);
    expect(await variantsOf(recipe, { lambdas, fidelity: "linear", threads: 3 }, ids)).toEqual(together);
    for (const [i, lambda] of lambdas.entries()) {
      const few = (ids[1] as number[]).slice(0, 9);
      const [alone] = await logitsOf(recipe, { lambdas: [lambda], fidelity: "linear" }, [few]);
      expect(alone).toEqual(together[i]?.[1]?.subarray(0, alone?.length));
    }
  });
});

const { base, prompts } = goldenAdapter("plain_r4_qv");
const tuned = (name: string) => `${base}+${join(adapters, name)}`;
const others = ["plain_r4_qv", "rslora_r8", "dora_r4", "modules_to_save"];

/** Several adapters at once, and methods over models that are a base with an adapter. */
const recipes: Record<string, object> = {
  "linear of four adapters": {
    merge_method: "linear",
    models: [base, ...others.map(tuned)].map((model, i) => ({ model, parameters: { weight: 0.1 + 0.2 * i } })),
  },
  "task_arithmetic of four adapters": {
    merge_method: "task_arithmetic",
    base_model: base,
    models: others.map((name, i) => ({ model: tuned(name), parameters: { weight: 0.2 + 0.1 * i } })),
  },
  "dare_linear on an adapter": {
    merge_method: "dare_linear",
    base_model: base,
    models: [{ model: tuned("all_linear_r8"), parameters: { weight: 0.6, density: 0.5 } }],
  },
  "dare_ties on two adapters": {
    merge_method: "dare_ties",
    base_model: base,
    models: ["all_linear_r8", "dora_r4"].map((name) => ({
      model: tuned(name),
      parameters: { weight: 0.7, density: 0.4 },
    })),
  },
  "slerp by layers and names": {
    merge_method: "slerp",
    base_model: base,
    models: [{ model: base }, { model: tuned("all_linear_r8") }],
    parameters: { t: [{ filter: "mlp", value: [0.2, 0.9] }, { filter: "v_proj", value: 0.5 }, { value: [0.7, 0.1] }] },
  },
  "model_stock of three adapters": {
    merge_method: "model_stock",
    base_model: base,
    models: ["all_linear_r8", "rslora_r8", "patterns"].map((name) => ({ model: tuned(name) })),
  },
  "scaled passthrough of an adapter": {
    merge_method: "passthrough",
    models: [{ model: tuned("rslora_r8"), parameters: { scale: [{ filter: "down_proj", value: 0.5 }, { value: 1 }] } }],
  },
};

describe("a merge of models with adapters", () => {
  it.each(Object.keys(recipes))("has the logits of what is written, to the bit or summed: %s", async (name) => {
    for (const [fidelity, dtype] of [
      ["exact", "bfloat16"],
      ["linear", "float32"],
    ] as const) {
      const recipe = { ...(recipes[name] as Recipe), dtype: "float32", out_dtype: dtype };
      const out = join(folder, `${name} ${dtype}`);
      await merge(recipe, out);
      const written = await logitsOf(out, {}, prompts);
      const made = await logitsOf(recipe, { fidelity }, prompts);
      if (fidelity === "exact") expect(made).toEqual(written);
      else expect(largestDifference(made, written)).toBeLessThan(2e-4);
    }
  });
});

/** Those that a scaled adapter can stand for; of the others, the sweep says why not (test/e2e/sweepAdapters.test.ts). */
const UNSCALABLE = ["dora_r4", "modules_to_save", "embedding_lora", "lora_bias", "bias_lora_only"];
const scalable = names.filter((name) => !UNSCALABLE.includes(name));
const missing = whyNoPython("peft");

describe("a scaled adapter", () => {
  const points = (name: string) => join(folder, `scaled ${name}`);
  const write = (name: string) => {
    const { adapter, base: own } = goldenAdapter(name);
    return sweep(linear(own, adapter), { lambdas: [0.3, 0.7] }, points(name), { outAdapter: true, force: true });
  };

  it.each(scalable.filter((name) => few.includes(name)))("has PEFT's logits of its lambda, and those of the virtual merge: %s", async (name) => {
    const { adapter, base: own, prompts: ids, logits, last } = goldenAdapter(name);
    await write(name);
    const recipe = linear(own, adapter, { out_dtype: "float32" });
    const merged = await variantsOf(recipe, { lambdas: [0.3, 0.7], fidelity: "linear" }, ids);
    for (const [i, lambda] of [0.3, 0.7].entries()) {
      const scaled = await logitsOf(`${own}+${join(points(name), `lambda-${lambda}`)}`, { fidelity: "linear" }, ids);
      expect(largestDifference(last(scaled), logits(`last_logits_lambda_${lambda}`))).toBeLessThan(5e-4);
      expect(largestDifference(scaled, merged[i] as Float32Array[])).toBeLessThan(2e-4);
    }
  });

  it.skipIf(missing || !long)(`is loaded by PEFT, which finds the same, live and merged${missing ? `: ${missing}` : ""}`, async () => {
    const cases = [];
    for (const name of scalable) {
      await write(name);
      const { base: model, prompts: ids } = goldenAdapter(name);
      for (const lambda of [0.3, 0.7]) {
        cases.push({ name, lambda, model, adapter: join(points(name), `lambda-${lambda}`), ids });
      }
    }
    writeFileSync(join(folder, "cases.json"), JSON.stringify(cases));
    const script = join(import.meta.dirname, "..", "lora", "peftLogits.py");
    const text = runPython(script, [join(folder, "cases.json")]);
    const found = JSON.parse(text.trim().split("\n").at(-1) as string) as Record<"live" | "merged", number[][]>[];
    for (const [i, { name, lambda }] of cases.entries()) {
      for (const kind of ["live", "merged"] as const) {
        const rows = (found[i]?.[kind] ?? []).map((row) => Float32Array.from(row));
        const wanted = goldenAdapter(name).logits(`last_logits_lambda_${lambda}`);
        expect(largestDifference(rows, wanted), `${name} ${lambda} ${kind}`).toBeLessThan(5e-4);
      }
    }
  });
});
