// Safe LoRA (https://arxiv.org/abs/2405.16833): C D takes the place of D in the matrices whose change the projection turns away
// from. Of an adapter, B becomes C B, and the result is an adapter of the same ranks; of a whole model, A + C D is stored for
// the matrices that are gated, as float32.

import { join } from "node:path";
import type { Adapter } from "../../checkpoint/types.js";
import { copyAdapter } from "./copyAdapter.js";
import { decideGates } from "./decideGates.js";
import { factorsOfAdapter, projectionBytes } from "./matrixBytes.js";
import { keepShards } from "./projectedShards.js";
import { gatedWeight, numberOf, sumRecipe, weightOf } from "./sumRecipe.js";
import { alignedModel, isAdapterOf, tunedModel } from "./theModels.js";
import type { MadeInputs, PreparedMethod } from "./types.js";
import { type Projections, withProjections } from "./withProjections.js";

/** What the ordinary recipe calls the model or adapter that is made. */
const GATED = "retemper:gated";

export const safeLora: PreparedMethod = {
  decides: ["threshold", "number"],
  make(recipe, folder, options) {
    const out = join(folder, "gated");
    const use = async ({ tuned, modules, warnings }: Projections): Promise<MadeInputs> => {
      const number = numberOf(recipe, "number");
      const threshold = numberOf(recipe, "threshold") as number;
      const gates = decideGates(
        modules,
        number === undefined ? { kind: "at most", threshold } : { kind: "lowest", number },
      );
      const gated = modules.filter((_, at) => gates[at]?.gated);
      if (isAdapterOf(tunedModel(recipe), alignedModel(recipe))) {
        const replaced = gated.flatMap(({ b, projected }) => (b && projected ? [[b.name, projected] as const] : []));
        const bytesWritten = await copyAdapter((tuned.adapter as Adapter).folder, out, new Map(replaced), options);
        return { models: { [GATED]: out }, gates, bytesWritten, warnings };
      }
      const weights = modules.map(({ weight }) => weight);
      const bytesWritten = await keepShards(out, weights, (at) => gates[at]?.gated === true);
      return { models: gated.length > 0 ? { [GATED]: out } : {}, gates, bytesWritten, warnings };
    };
    return withProjections(recipe, folder, options, use, out);
  },
  // Of an adapter what is projected and the adapter that is made of it, of a whole model A + C D.
  disk: (recipe, matrices) =>
    (isAdapterOf(tunedModel(recipe), alignedModel(recipe)) ? 2 : 1) * projectionBytes(matrices) +
    factorsOfAdapter(matrices),
  ordinary(recipe, { models, gates = [] }) {
    const tuned = tunedModel(recipe);
    if (isAdapterOf(tuned, alignedModel(recipe))) {
      // By the tuned model's own name: what is told of it is told of this adapter.
      const model = { ...tuned, lora: { path: GATED } };
      return sumRecipe(recipe, "task_arithmetic", [{ model, weight: weightOf(recipe, "lambda") }]);
    }
    const made = Object.hasOwn(models, GATED) ? [{ text: GATED, path: GATED }] : [];
    return sumRecipe(recipe, "task_arithmetic", [
      { model: tuned, weight: gatedWeight(recipe, gates, 0, 1) },
      ...made.map((model) => ({ model, weight: weightOf(recipe, "lambda"), optional: "partial" as const })),
    ]);
  },
};
