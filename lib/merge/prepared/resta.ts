// RESTA (https://arxiv.org/abs/2402.11746): A + lambda D + gamma V, on every float tensor that all models have in one shape. It
// is a sum of models, so nothing is made. With `density` below 1, DARE drops values of V at random and scales the others by
// 1 / density, as its paper does.

import { constant, sumRecipe, weightOf } from "./sumRecipe.js";
import { tunedModel, unalignedModel } from "./theModels.js";
import type { PreparedMethod } from "./types.js";

export const resta: PreparedMethod = {
  decides: [],
  async make() {
    return { models: {}, bytesWritten: 0 };
  },
  disk: () => 0,
  ordinary(recipe) {
    // Filters and gradients count: a density that is 1 in some tensors may be below it in others.
    const density = weightOf(recipe, "density");
    const drops = density.flatMap(({ value }) => value).some((one) => Number(one) !== 1);
    // U - A is -V.
    const tuned = { model: tunedModel(recipe), weight: weightOf(recipe, "lambda") };
    const unaligned = {
      model: unalignedModel(recipe),
      weight: weightOf(recipe, "gamma", { times: -1 }),
      optional: true,
    };
    if (!drops) return sumRecipe(recipe, "task_arithmetic", [tuned, unaligned]);
    return sumRecipe(
      recipe,
      "dare_linear",
      [
        { ...tuned, density: constant(1) },
        { ...unaligned, density },
      ],
      { rescale_mode: [{ value: "inverse_density" }] },
    );
  },
};
