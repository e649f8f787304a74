// LSSF (https://arxiv.org/abs/2602.00038): A + lambda D + alpha P V on the weights of linear layers, A + lambda D on the rest. P V is
// what V = A - U has in the span of its first r left singular vectors; r is the smallest with H_r >= eta H, by the entropy of the
// squared singular values. P V is a product of rank r, so it lies in an adapter.

import { join } from "node:path";
import { InputFiles } from "../../plan/inputFiles.js";
import { isLayerMatrix } from "../adapter/tensorChange.js";
import { addedPart, bareModel } from "./addedPart.js";
import { plannedChanges } from "./changes.js";
import { writeLowRankPart } from "./lowRankPart.js";
import { factorBytes, ofLayers, sumOver } from "./matrixBytes.js";
import { openRoles } from "./openRoles.js";
import { numberOf, sumRecipe, weightOf } from "./sumRecipe.js";
import { alignedModel, tunedModel, unalignedModel } from "./theModels.js";
import type { PreparedMethod } from "./types.js";

/** What the made adapter is called in the ordinary recipe. */
const PART = "retemper:lssf";

export const lssf: PreparedMethod = {
  decides: ["eta"],
  adds: "a part",
  async make(recipe, folder, options) {
    const of = await openRoles(recipe, options);
    const [aligned, files] = [alignedModel(recipe), new InputFiles()];
    const { tensors, warnings } = plannedChanges(aligned, unalignedModel(recipe), of, files);
    const changes = [...tensors.values()].filter(({ name, shape }) => isLayerMatrix(name, shape));
    const out = join(folder, "part");
    const entropy = numberOf(recipe, "eta");
    const bytesWritten = await writeLowRankPart(out, bareModel(aligned, of), changes, files, { entropy }, options);
    return { models: bytesWritten > 0 ? { [PART]: out } : {}, bytesWritten, warnings };
  },
  disk(_recipe, matrices) {
    const own = ofLayers(matrices);
    // How many singular vectors the entropy needs is known when they are there.
    return sumOver(own, (matrix) => factorBytes(matrix, Math.min(matrix.rows, matrix.cols)));
  },
  ordinary(recipe, { models }) {
    return sumRecipe(recipe, "task_arithmetic", [
      { model: tunedModel(recipe), weight: weightOf(recipe, "lambda") },
      ...addedPart(alignedModel(recipe), PART, models, weightOf(recipe, "alpha")),
    ]);
  },
};
