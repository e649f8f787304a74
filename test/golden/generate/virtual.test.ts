// Virtual merges, beside the same merges written and opened as folders: every method, one by one and all
// lambdas in one batch. Decoders are driven by hand here; the tests of answers open models in threads, which run the compiled
// package: npm run build.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { merge, openModel, type Recipe, sweep } from "../../../lib/index.js";
import type { VirtualMergeOptions } from "../../../lib/merge/virtualMerge.js";
import { casesOf, long } from "../../long.js";
import { largestDifference, logitsOf as logitsOfAll, variantsOf as variantsOfAll } from "./variants.js";

const golden = join(import.meta.dirname, "..", "merge");
const models = join(golden, "models");
const cases = readdirSync(join(golden, "recipes"));
const inputs = [[5], [1, 17, 93, 4], Array.from({ length: 21 }, (_, i) => (i * 37 + 11) % 101)];

/** A recipe of the golden merges, stored as `dtype`. */
function recipeOf(name: string, dtype: string): string {
  const text = readFileSync(join(golden, "recipes", name), "utf8").replaceAll("models/", `${models}/`);
  return `${text.replace(/^out_dtype:.*\n/m, "").trimEnd()}\nout_dtype: ${dtype}\n`;
}

const logitsOf = (source: string | Recipe, options: VirtualMergeOptions) => logitsOfAll(source, options, inputs);
const variantsOf = (source: Recipe, options: VirtualMergeOptions) => variantsOfAll(source, options, inputs);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-virtual-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a virtual merge", () => {
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
const lambdas = casesOf([0, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.9, 1], [0, 0.4, 0.7]);

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
      expect(await logitsOf(recipe, { lambdas: [0.7], fidelity: "exact" })).toEqual(written[lambdas.indexOf(0.7)]);
    });

    it.runIf(long || name === "linear" || name === "ties")(`answers alike for each lambda alone and for all in one batch: ${name}`, async () => {
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
