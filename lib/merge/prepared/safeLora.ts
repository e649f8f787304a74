// Safe LoRA (https://arxiv.org/abs/2405.16833): C D takes the place of D in the matrices whose change the projection turns away
// from. Of an adapter, B becomes C B, and the result is an adapter of the same ranks; of a whole model, A + C D is stored for
// the matrices that are gated, as float32.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Adapter } from "../../checkpoint/types.js";
import { ioError } from "../../files/ioError.js";
import { copyAdapter } from "./copyAdapter.js";
import { decideGates } from "./decideGates.js";
import { factorsOfAdapter, projectionBytes } from "./matrixBytes.js";
import { gatedWeight, numberOf, sumRecipe, weightOf } from "./sumRecipe.js";
import { alignedModel, isAdapterOf, tunedModel } from "./theModels.js";
import type { PreparedMethod } from "./types.js";
import { withProjections } from "./withProjections.js";
import { writeProjected } from "./writeProjected.js";

/** What the ordinary recipe calls the model or adapter that is made. */
const GATED = "retemper:gated";

export const safeLora: PreparedMethod = {
  decides: ["threshold", "number"],
  make(recipe, folder, options) {
    return withProjections(recipe, folder, options, async ({ tuned, modules, files, scratch, warnings }) => {
      const number = numberOf(recipe, "number");
      const threshold = numberOf(recipe, "threshold") as number;
      const gates = decideGates(
        modules,
        number === undefined ? { kind: "at most", threshold } : { kind: "lowest", number },
      );
      const gated = modules.filter((_, at) => gates[at]?.gated);
      const out = join(folder, "gated");
      if (isAdapterOf(tunedModel(recipe), alignedModel(recipe))) {
        const replaced = gated.flatMap(({ b, projected }) => (b && projected ? [[b.name, projected] as const] : []));
        const bytesWritten = await copyAdapter((tuned.adapter as Adapter).folder, out, new Map(replaced), options);
        return { models: { [GATED]: out }, gates, bytesWritten, warnings };
      }
      if (gated.length === 0) return { models: {}, gates, bytesWritten: 0, warnings };
      await mkdir(out).catch((error: unknown) => {
        throw ioError(error, out, "cannot make a folder");
      });
      const bytesWritten = await writeProjected(gated, files, scratch, out, options);
      return { models: { [GATED]: out }, gates, bytesWritten, warnings };
    });
  },
  // What is projected, and what is made of it: an adapter, or A + C D.
  disk: (_recipe, matrices) => 2 * projectionBytes(matrices) + factorsOfAdapter(matrices),
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
