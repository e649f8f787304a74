// What a virtual merge answers at given weights does not depend on the weights that it was asked for before: products are summed in
// the order of the recipe's models, not in that in which they were first needed.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Recipe } from "../../../lib/recipe/types.js";

const demo = join(import.meta.dirname, "../../../demo");
const names = readdirSync(join(demo, "adapters")).sort();
const models = join(import.meta.dirname, "../../golden/merge/models");
const inputs = [[1, 2, 3, 4, 5, 6, 7, 8]];

const mixes = names.map((_, at) => at); // each alone first, so that it is the first one that is needed
const adapters: Recipe = {
  merge_method: "task_arithmetic",
  base_model: join(demo, "model"),
  models: names.map((name) => ({
    model: `${join(demo, "model")}+${join(demo, "adapters", name)}`,
    parameters: { weight: 0 },
  })),
} as Recipe;
const wholes: Recipe = {
  merge_method: "task_arithmetic",
  base_model: join(models, "base"),
  models: ["ft1", "ft2", "ft3"].map((name) => ({ model: join(models, name), parameters: { weight: 0 } })),
  dtype: "float32",
} as Recipe;

it.each([
  ["adapters", adapters, names],
  ["whole models", wholes, ["ft1", "ft2", "ft3"]],
] as const)("the same bits of three %s, whichever was asked for first", async (_, recipe, weighed) => {
  const all = Object.fromEntries(weighed.map((name, at) => [name, 0.3 + 0.1 * at]));
  const answers = [];
  for (const first of [...mixes].reverse()) {
    const model = await openModel(recipe, { fidelity: "linear", threads: 1 });
    await model.logits(inputs, { weights: { [weighed[first] as string]: 1 } });
    const [logits] = await model.logits(inputs, { weights: all });
    const [alone] = await model.logits(inputs, { weights: { [weighed[0] as string]: 0.7 } });
    answers.push({ logits, alone });
    await model.close();
  }
  for (const answer of answers) expect(answer).toEqual(answers[0]);
});
