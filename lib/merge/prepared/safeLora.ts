// Safe LoRA (https://arxiv.org/abs/2405.16833) on an adapter: B becomes C B in the modules whose change the projection turns
// away from. The result is an adapter of the same ranks.

import { join } from "node:path";
import type { Adapter } from "../../checkpoint/types.js";
import { copyAdapter } from "./copyAdapter.js";
import { decideGates } from "./decideGates.js";
import { numberOf, sumRecipe, weightOf } from "./sumRecipe.js";
import { tunedModel } from "./theModels.js";
import type { PreparedMethod } from "./types.js";
import { withProjections } from "./withProjections.js";

/** What the ordinary recipe calls the adapter that is made. */
const GATED = "retemper:gated";

export const safeLora: PreparedMethod = {
  decides: ["threshold", "number"],
  make(recipe, folder, options) {
    return withProjections(recipe, folder, options, async ({ tuned, modules, warnings }) => {
      const number = numberOf(recipe, "number");
      const threshold = numberOf(recipe, "threshold") as number;
      const gates = decideGates(
        modules,
        number === undefined ? { kind: "at most", threshold } : { kind: "lowest", number },
      );
      const replaced = modules.flatMap(({ b, projected }, at) =>
        gates[at]?.gated ? [[b.name, projected] as const] : [],
      );
      const out = join(folder, "gated");
      const bytesWritten = await copyAdapter((tuned.adapter as Adapter).folder, out, new Map(replaced), options);
      return { models: { [GATED]: out }, gates, bytesWritten, warnings };
    });
  },
  ordinary(recipe) {
    // By the tuned model's own name: what is told of it is told of this adapter.
    const model = { ...tunedModel(recipe), lora: { path: GATED } };
    return sumRecipe(recipe, "task_arithmetic", [{ model, weight: weightOf(recipe, "lambda") }]);
  },
};
