// What the models of a method made for safety may be: adapters in any role give what the whole models do.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { merge, plan, type Recipe, sweep } from "../../lib/index.js";
import { loadAddon } from "../../lib/addon/load.js";
import { prepareTerms } from "../../lib/merge/prepared/prepareTerms.js";
import { loadRecipe } from "../../lib/recipe/load.js";
import { virtualMerge } from "../../lib/merge/virtualMerge.js";
import { languageModel, readCheckpoint, writeModel } from "../e2e/mergeModels.js";

const golden = join(import.meta.dirname, "safety", "llama");
const folder = mkdtempSync(join(tmpdir(), "retemper-safety-models-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [aligned, unaligned] = [join(golden, "aligned"), join(golden, "unaligned")];
const [tuned, safe] = [`${aligned}+${join(golden, "tuned")}`, `${aligned}+${join(golden, "safe")}`];
const [wholeTuned, wholeSafe] = [join(folder, "tuned"), join(folder, "safe")];

beforeAll(async () => {
  for (const [model, out] of [[tuned, wholeTuned], [safe, wholeSafe]] as const) {
    await merge({ merge_method: "passthrough", models: [{ model }], dtype: "float32" }, out);
  }
});

function recipeOf(models: { readonly base: string; readonly unaligned: string; readonly model: string }): Recipe {
  return {
    merge_method: "safe_lora",
    base_model: models.base,
    unaligned_model: models.unaligned,
    models: [{ model: models.model }],
    parameters: { lambda: 0.75, number: 4 },
    dtype: "float32",
  };
}

/** Merges both, which must decide the same and differ by rounding alone. */
async function expectSame(name: string, one: Recipe, other: Recipe): Promise<void> {
  const [first, second] = [join(folder, `${name}-1`), join(folder, `${name}-2`)];
  const gates = [(await merge(one, first)).gates ?? [], (await merge(other, second)).gates ?? []];
  expect(gates[0]?.filter(({ gated }) => gated).length).toBeGreaterThan(0);
  expect(gates[0]?.map(({ module, gated }) => [module, gated])).toEqual(gates[1]?.map((one) => [one.module, one.gated]));
  expectClose(first, second);
}

function expectClose(got: string, wanted: string): void {
  const want = readCheckpoint(wanted);
  for (const [tensor, { values }] of readCheckpoint(got)) {
    const far = values.reduce((most, value, at) => Math.max(most, Math.abs(value - Number(want.get(tensor)?.values[at]))), 0);
    expect(far, tensor).toBeLessThan(1e-5);
  }
}

describe("a method made for safety", () => {
  it("keeps the adapter of an adapted base in the matrices that it gates", async () => {
    const models = { unaligned, model: wholeTuned };
    await expectSame("base", recipeOf({ ...models, base: safe }), recipeOf({ ...models, base: wholeSafe }));
  });

  it("reads the adapter of the unaligned model for its direction", async () => {
    const models = { base: aligned, model: tuned };
    await expectSame("unaligned", recipeOf({ ...models, unaligned: safe }), recipeOf({ ...models, unaligned: wholeSafe }));
  });

  it("writes an adapter for each point of a sweep, which holds what the merge does", async () => {
    const recipe = recipeOf({ base: aligned, unaligned, model: tuned });
    const { points } = await sweep(recipe, { lambdas: [0.5] }, join(folder, "points"), { outAdapter: true });
    const [point] = points;
    expect(point?.gates?.filter(({ gated }) => gated)).toHaveLength(4);
    const [got, want] = [join(folder, "point"), join(folder, "alone")];
    const model = `${aligned}+${point?.out}`;
    await merge({ merge_method: "passthrough", models: [{ model }], dtype: "float32" }, got);
    await merge(recipe, want, { lambda: 0.5 });
    expectClose(got, want);
    const whole = recipeOf({ base: aligned, unaligned, model: wholeTuned });
    await expect(sweep(whole, { lambdas: [0.5] }, join(folder, "none"), { outAdapter: true })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("does not add the change of one adapter to its own base"),
    });
  });

  it("needs room on the disk for what is made, which its plan counts", async () => {
    const models = [{ model: wholeTuned, parameters: { weight: 1 } }];
    const plain = (await plan({ merge_method: "task_arithmetic", base_model: aligned, models, dtype: "float32" })).estimate;
    const whole = recipeOf({ base: aligned, unaligned, model: wholeTuned });
    const { estimate } = await plan(whole, { headersOnly: true });
    // Seven matrices in each of two layers; A + C D of each.
    const weights = 2 * (2 * 16 * 16 + 2 * 8 * 16 + 3 * 24 * 16);
    expect(estimate.diskNeeded - plain.diskNeeded).toBeGreaterThanOrEqual(4 * weights);
    expect(estimate.diskNeeded - plain.diskNeeded).toBeLessThan(5 * weights);
  });

  it("names the matrix that a whole fine-tuned model lacks", async () => {
    const [base, other] = [1, 2].map((seed) => writeModel(join(folder, `small-${seed}`), languageModel(seed))) as [string, string];
    const { "model.layers.1.mlp.up_proj.weight": _gone, ...rest } = languageModel(3);
    const recipe = recipeOf({ base, unaligned: other, model: writeModel(join(folder, "lacking"), rest) });
    const tensor = "model.layers.1.mlp.up_proj.weight";
    const place = join(folder, "lacked");
    mkdirSync(place);
    const prepared = prepareTerms(await loadRecipe(recipe), place, { addon: loadAddon() });
    await expect(prepared).rejects.toMatchObject({ code: "INCOMPATIBLE", tensor });
  });

  it("is refused from headers in a virtual merge, before anything is made", async () => {
    const [base, other] = [1, 2].map((seed) => writeModel(join(folder, `narrow-${seed}`), languageModel(seed))) as [string, string];
    const norm = { shape: [3], values: [1, 2, 3] };
    const model = writeModel(join(folder, "wide"), { ...languageModel(3), "model.norm.weight": norm });
    const place = join(folder, "virtual");
    mkdirSync(place);
    await expect(virtualMerge(recipeOf({ base, unaligned: other, model }), place)).rejects.toMatchObject({
      code: "INCOMPATIBLE",
    });
    expect(readdirSync(place)).toEqual([]);
  });

  it("is judged as an adapter from headers where it is written as one", async () => {
    const recipe = recipeOf({ base: aligned, unaligned, model: tuned });
    const outline = await plan(recipe, { format: "adapter", headersOnly: true });
    const read = await plan(recipe, { format: "adapter" });
    expect(outline.adapter).toEqual(read.adapter);
    expect(outline.estimate.diskNeeded).toBe(read.estimate.diskNeeded);
    const whole = recipeOf({ base: aligned, unaligned, model: wholeTuned });
    const tooMuch = plan(whole, { format: "adapter", headersOnly: true });
    await expect(tooMuch).rejects.toMatchObject({ code: "USAGE" });
  });
});
