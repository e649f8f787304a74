// Merges that are never written, beside the same merges written and opened as folders: every method, one by one and all
// lambdas in one batch; and adapters beside PEFT's logits. Decoders are driven by hand here; the tests of answers open models
// in threads, which run the compiled package: npm run build.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDecoder } from "../../../lib/generate/openDecoder.js";
import { recipeOf as recipeOfSource } from "../../../lib/generate/virtual/recipeOf.js";
import { mergedCheckpoint } from "../../../lib/generate/virtual/mergedCheckpoint.js";
import { merge, openModel, type Recipe, sweep } from "../../../lib/index.js";
import { type VirtualMergeOptions, virtualMerge } from "../../../lib/merge/virtualMerge.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { open } from "./engines.js";
import { type GoldenModel, modelFolder, promptsOf } from "./modelFolders.js";
import { rowsOf } from "./steps.js";

const golden = join(import.meta.dirname, "..", "merge");
const models = join(golden, "models");
const cases = readdirSync(join(golden, "recipes"));
const inputs = [[5], [1, 17, 93, 4], Array.from({ length: 21 }, (_, i) => (i * 37 + 11) % 101)];

/** A recipe of the golden merges, stored as `dtype`. */
function recipeOf(name: string, dtype: string): string {
  const text = readFileSync(join(golden, "recipes", name), "utf8").replaceAll("models/", `${models}/`);
  return `${text.replace(/^out_dtype:.*\n/m, "").trimEnd()}\nout_dtype: ${dtype}\n`;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-virtual-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Logits of every id of every input, by variant. All variants are in one step, which mixes their rows. */
async function variantsOf(
  source: string | Recipe,
  options: VirtualMergeOptions,
  ids: readonly (readonly number[])[] = inputs,
): Promise<Float32Array[][]> {
  const { threads = 2, lambdas = [0] } = options;
  const recipe = recipeOfSource(source);
  const merged = recipe === undefined ? undefined : await virtualMerge(recipe, options);
  const checkpoint = merged ? await mergedCheckpoint("virtual", merged) : await open(source as string);
  const decoder = await openDecoder(checkpoint, "native", { threads, merge: merged });
  if (merged) rmSync(merged.folder, { recursive: true });
  const pieces = ids.flatMap((input, index) =>
    lambdas.map((_, variant) => ({ slot: index * lambdas.length + variant, ids: input, start: 0, variant })),
  );
  const rows = rowsOf(pieces);
  const variants = Int32Array.from(pieces.flatMap(({ ids: own, variant }) => own.map(() => variant)));
  const cache = decoder.createCache({ slots: pieces.length, tokens: pieces.length * 64 });
  const all = decoder.forward({ ...rows, variants }, cache, rows.ids.map((_, row) => row)).slice();
  const logits: Float32Array[][] = lambdas.map(() => []);
  let row = 0;
  for (const { ids: own, variant } of pieces) {
    const width = decoder.spec.vocabulary;
    logits[variant]?.push(all.subarray(row * width, (row + own.length) * width));
    row += own.length;
  }
  decoder.dispose();
  return logits;
}

async function logitsOf(source: string | Recipe, options: VirtualMergeOptions, ids = inputs): Promise<Float32Array[]> {
  return (await variantsOf(source, options, ids))[0] as Float32Array[];
}

function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  expect(a.map(({ length }) => length)).toEqual(b.map(({ length }) => length));
  let worst = 0;
  for (const [i, values] of a.entries()) {
    for (const [j, value] of values.entries()) worst = Math.max(worst, Math.abs(value - (b[i]?.[j] as number)));
  }
  return worst;
}

describe("a merge that is not written", () => {
  it.each(cases)("has, to the bit, the logits of %s written in bfloat16", async (name) => {
    const recipe = recipeOf(name, "bfloat16");
    const out = join(folder, `${name}.bf16`);
    await merge(recipe, out, { threads: 2 });
    const written = await logitsOf(out, { threads: 1 });
    for (const threads of [1, 2]) {
      expect(await logitsOf(recipe, { threads, fidelity: "exact" })).toEqual(written);
    }
  });

  it.each(cases)("has, with linear fidelity, the logits of %s written in float32", async (name) => {
    const recipe = recipeOf(name, "float32");
    const out = join(folder, `${name}.f32`);
    await merge(recipe, out, { threads: 2 });
    const written = await logitsOf(out, { threads: 1 });
    const summed = await logitsOf(recipe, { threads: 2, fidelity: "linear" });
    expect(largestDifference(summed, written)).toBeLessThan(2e-4);
  });

  it("says how each of its tensors is evaluated", async () => {
    const recipe = recipeOf("linear-04.bf16.yml", "bfloat16");
    const hows = async (source: string, fidelity: "exact" | "linear") => {
      const model = await openModel(source, { fidelity });
      const { tensors, ...facts } = model.describe();
      await model.close();
      expect(facts).toMatchObject({ fidelity });
      return new Map(tensors.map(({ name, how, op }) => [name, `${op}: ${how}`]));
    };
    const exact = await hows(recipe, "exact");
    expect(exact.get("model.layers.0.mlp.up_proj.weight")).toBe("linear: made");
    expect(exact.get("model.norm.weight")).toBe("linear: combined");
    const linear = await hows(recipe, "linear");
    expect(linear.get("model.layers.0.mlp.up_proj.weight")).toBe("linear: summed");
    const ties = await hows(recipeOf("ties.f32.yml", "bfloat16"), "linear");
    expect(ties.get("model.layers.0.mlp.up_proj.weight")).toMatch(/^task_arithmetic: made/);
  });
});

const [base, tuned] = [join(models, "base"), join(models, "ft1")];
const adapter = join(import.meta.dirname, "..", "lora", "adapters");

/** Recipes with a lambda. */
const swept: Record<string, Recipe> = {
  linear: { merge_method: "linear", models: [{ model: base }, { model: tuned }], dtype: "bfloat16" },
  "linear in float32": {
    merge_method: "linear",
    models: [{ model: base }, { model: tuned }],
    dtype: "float32",
    out_dtype: "bfloat16",
  },
  slerp: {
    merge_method: "slerp",
    base_model: base,
    models: [{ model: base }, { model: tuned }],
    dtype: "float32",
    out_dtype: "bfloat16",
  },
  task_arithmetic: {
    merge_method: "task_arithmetic",
    base_model: base,
    models: [{ model: tuned }],
    dtype: "float32",
    out_dtype: "bfloat16",
  },
  dare_linear: {
    merge_method: "dare_linear",
    base_model: base,
    models: [{ model: tuned, parameters: { density: 0.4 } }],
    dtype: "float32",
    out_dtype: "bfloat16",
  },
  ties: {
    merge_method: "ties",
    base_model: base,
    models: [{ model: tuned, parameters: { density: 0.3 } }],
    parameters: { normalize: false },
    dtype: "float32",
    out_dtype: "bfloat16",
  },
} as Record<string, Recipe>;
const lambdas = [0, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1];

describe("a merge with several lambdas", () => {
  for (const [name, recipe] of Object.entries(swept)) {
    it(`has, to the bit, the logits of every written point, alone and together: ${name}`, async () => {
      const out = join(folder, `sweep ${name}`);
      await sweep(recipe, { lambdas }, out, { threads: 2 });
      const written = [];
      for (const lambda of lambdas) written.push(await logitsOf(join(out, `lambda-${lambda}`), { threads: 1 }));
      for (const threads of [1, 2]) {
        expect(await variantsOf(recipe, { lambdas, fidelity: "exact", threads })).toEqual(written);
      }
      expect(await logitsOf(recipe, { lambdas: [0.7], fidelity: "exact" })).toEqual(written[6]);
    });

    it(`answers alike for each lambda alone and for all in one batch: ${name}`, async () => {
      for (const fidelity of ["exact", "linear"] as const) {
        const model = await openModel(recipe, { lambdas, fidelity });
        const answers = async (lambda?: number) => {
          const found = [];
          for await (const answer of model.generate(inputs, { maxNewTokens: 12, ignoreEos: true, lambda })) {
            found.push(answer);
          }
          return found.sort((a, b) => (a.lambda as number) - (b.lambda as number) || a.index - b.index);
        };
        const together = await answers();
        expect(together).toHaveLength(lambdas.length * inputs.length);
        const alone = [];
        for (const lambda of lambdas) alone.push(...(await answers(lambda)));
        expect(together).toEqual(alone);
        await model.close();
      }
    });
  }
});

describe("a model with an adapter", () => {
  it.each(readdirSync(adapter))("has PEFT's logits at lambda .3 and .7, and merged: %s", async (name) => {
    const of = join(adapter, name);
    const { base: of_ } = JSON.parse(readFileSync(join(of, "expected.json"), "utf8")) as { base: string };
    const model = of_.replace("models/", "") as GoldenModel;
    const aligned = modelFolder(model);
    const prompts = promptsOf(model);
    const expected = readCheckpoint(of, "expected_logits.safetensors");
    const last = (logits: readonly Float32Array[]) =>
      logits.map((rows, i) => rows.subarray(rows.length - rows.length / (prompts[i] as number[]).length));
    const rows = (key: string) => {
      const { values, shape } = expected.get(key) as { values: readonly number[]; shape: readonly number[] };
      const width = shape[1] as number;
      return prompts.map((_, i) => Float32Array.from(values.slice(i * width, (i + 1) * width)));
    };
    const recipe: Recipe = {
      merge_method: "linear",
      models: [{ model: aligned }, { model: `${aligned}+${of}` }],
      out_dtype: "float32",
    };
    const got = await variantsOf(recipe, { lambdas: [0.3, 0.7, 1], fidelity: "linear" }, prompts);
    const wanted = ["last_logits_lambda_0.3", "last_logits_lambda_0.7", "last_logits_merged"];
    for (const [i, key] of wanted.entries()) {
      expect(largestDifference(last(got[i] as Float32Array[]), rows(key)), key).toBeLessThan(5e-4);
    }
    const out = join(folder, `written ${name}`);
    await merge(recipe, out, { lambda: 0.3 });
    expect(largestDifference(last(await logitsOf(out, {}, prompts)), rows(wanted[0] as string))).toBeLessThan(
      5e-4,
    );
    const alone = await logitsOf(`${aligned}+${of}`, { fidelity: "linear" }, prompts);
    expect(largestDifference(last(alone), rows("last_logits_merged"))).toBeLessThan(5e-4);
  });

  it.each(readdirSync(adapter))("has, to the bit, the logits of its written merges: %s", async (name) => {
    const of = join(adapter, name);
    const { base: of_ } = JSON.parse(readFileSync(join(of, "expected.json"), "utf8")) as { base: string };
    const model = of_.replace("models/", "") as GoldenModel;
    const aligned = modelFolder(model);
    const prompts = promptsOf(model);
    const recipe: Recipe = { merge_method: "linear", models: [{ model: aligned }, { model: `${aligned}+${of}` }] };
    const out = join(folder, `points ${name}`);
    await sweep(recipe, { lambdas: [0.3, 1] }, out);
    const got = await variantsOf(recipe, { lambdas: [0.3, 1], fidelity: "exact" }, prompts);
    for (const [i, lambda] of [0.3, 1].entries()) {
      expect(got[i]).toEqual(await logitsOf(join(out, `lambda-${lambda}`), {}, prompts));
    }
  });
});
