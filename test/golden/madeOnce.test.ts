// Inputs that a method makes are kept while an experiment runs: made once, and the same outputs as when each merge makes its own.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { merge, type Recipe } from "../../lib/index.js";
import { keepingMade } from "../../lib/merge/prepared/madeOnce.js";
import { contents } from "./contents.js";
import { variantsOf } from "./generate/variants.js";

const golden = join(import.meta.dirname, "safety");
const folder = mkdtempSync(join(tmpdir(), "retemper-made-once-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = join(folder, "rows.jsonl");
cpSync(join(golden, "rows.jsonl"), rows);

function recipeOf(method: string, parameters: object): Recipe {
  const place = (role: string) => join(golden, "llama", role);
  return {
    merge_method: method,
    base_model: place("aligned"),
    ...(method !== "safe_delta" && { unaligned_model: place("unaligned") }),
    models: [{ model: `${place("aligned")}+${place("tuned")}` }],
    parameters,
    dtype: "float32",
  };
}

/** Merges, and says whether something was made for it. */
async function isMade(recipe: Recipe, lambda: number, name: string): Promise<boolean> {
  let most = 0;
  const onProgress = ({ phase, done }: { phase: string; done: number }) => {
    if (phase === "prepare") most = Math.max(most, done);
  };
  await merge(recipe, join(folder, name), { lambda, onProgress });
  return most > 0;
}

it("makes the inputs of a recipe once while they are kept, and anew where a parameter or a file is another", async () => {
  const recipes = [recipeOf("safe_delta", { s: 1500, rows }), recipeOf("lssf", { eta: 0.9 })];
  const [recipe] = recipes as [Recipe];
  const ids = [[5], [1, 7, 3, 4]];
  const alone = await variantsOf(recipe, { lambdas: [0.5] }, ids);
  await keepingMade(async () => {
    for (const [at, one] of recipes.entries()) {
      expect(await isMade(one, 0.3, `first-${at}`)).toBe(true);
      expect(await isMade(one, 0.6, `second-${at}`)).toBe(false);
    }
    expect(await variantsOf(recipe, { lambdas: [0.5] }, ids)).toEqual(alone);
    expect(await isMade(recipeOf("safe_delta", { s: 1400, rows }), 0.3, "other")).toBe(true);
    writeFileSync(rows, '{"input_ids": [1, 2, 3, 4], "prompt_length": 1}\n');
    expect(await isMade(recipe, 0.3, "rows")).toBe(true);
    cpSync(join(golden, "rows.jsonl"), rows);
  });
  for (const [at, one] of recipes.entries()) {
    expect(await isMade(one, 0.6, `alone-${at}`)).toBe(true);
    const [kept, own] = [`second-${at}`, `alone-${at}`].map((name) => contents(join(folder, name, "model.safetensors")));
    expect(kept).toEqual(own);
  }
});
