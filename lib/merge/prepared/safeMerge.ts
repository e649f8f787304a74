// SafeMERGE (https://arxiv.org/abs/2503.17239): in the modules whose change Safe LoRA's projection turns away from, the change is
// mixed with that of a model tuned on safe rows: (1 - alpha) D + alpha D_S, the exact sum. (PEFT's `linear` combination of two
// adapters, which the authors' code uses, multiplies sums of the factors and so has cross terms.) Nothing is made: the gates
// are weights by module.

import { decideGates } from "./decideGates.js";
import { projectionBytes } from "./matrixBytes.js";
import { gatedWeight, numberOf, sumRecipe } from "./sumRecipe.js";
import { alignedModel, isAdapterOf, safeModel, tunedModel } from "./theModels.js";
import type { PreparedMethod } from "./types.js";
import { withProjections } from "./withProjections.js";

export const safeMerge: PreparedMethod = {
  decides: ["threshold"],
  make(recipe, folder, options) {
    return withProjections(recipe, folder, options, async ({ modules, warnings }) => {
      const gates = decideGates(modules, { kind: "below", threshold: numberOf(recipe, "threshold") as number });
      return { models: {}, gates, bytesWritten: 0, warnings };
    });
  },
  disk: (recipe, matrices) => (isAdapterOf(tunedModel(recipe), alignedModel(recipe)) ? projectionBytes(matrices) : 0),
  ordinary(recipe, { gates = [] }) {
    const alpha = numberOf(recipe, "alpha") as number;
    return sumRecipe(recipe, "task_arithmetic", [
      { model: tunedModel(recipe), weight: gatedWeight(recipe, gates, 1 - alpha, 1) },
      { model: safeModel(recipe), weight: gatedWeight(recipe, gates, alpha, 0) },
    ]);
  },
};
