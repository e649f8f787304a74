// LoX (https://arxiv.org/abs/2506.15606): A + coefficient V_k, where V_k is the nearest matrix of rank k to V = A - U, on every
// tensor of two or more dimensions. It goes further from U along the strongest directions of what aligned A, before A is tuned:
// there is no fine-tuned model, and `tune` starts from the result. With k = 0 it takes all of V.

import { join } from "node:path";
import { listing } from "../../checkpoint/listing.js";
import { RetemperError } from "../../errors.js";
import { InputFiles } from "../../plan/inputFiles.js";
import { addedPart, bareModel } from "./addedPart.js";
import { plannedChanges } from "./changes.js";
import { writeLowRankPart } from "./lowRankPart.js";
import { factorBytes, sumOver } from "./matrixBytes.js";
import { openRoles } from "./openRoles.js";
import { numberOf, sumRecipe, weightOf } from "./sumRecipe.js";
import { alignedModel, unalignedModel } from "./theModels.js";
import type { PreparedMethod } from "./types.js";

/** What the made adapter is called in the ordinary recipe. */
const PART = "retemper:lox";

export const lox: PreparedMethod = {
  decides: ["k"],
  adds: "a part",
  async make(recipe, folder, options) {
    const of = await openRoles(recipe, options);
    const [aligned, files] = [alignedModel(recipe), new InputFiles()];
    const planned = plannedChanges(aligned, unalignedModel(recipe), of, files);
    const changes = [...planned.tensors.values()].filter(({ shape }) => shape.length > 1);
    if (changes.length === 0) throw notTheSame(recipe.file);
    const { warnings } = planned;
    if (numberOf(recipe, "k") === 0) {
      const vectors = [...planned.tensors.values()].filter(({ shape }) => shape.length < 2).map(({ name }) => name);
      return { models: {}, bytesWritten: 0, warnings, untouched: vectors };
    }
    refuseStacks(changes.filter(({ name, shape }) => shape.length > 2 || !name.endsWith(".weight")));
    const out = join(folder, "part");
    const rank = numberOf(recipe, "k");
    const bytesWritten = await writeLowRankPart(out, bareModel(aligned, of), changes, files, { rank }, options);
    return { models: bytesWritten > 0 ? { [PART]: out } : {}, bytesWritten, warnings };
  },
  disk(recipe, matrices) {
    const k = numberOf(recipe, "k") as number;
    return k === 0 ? 0 : sumOver(matrices, (matrix) => factorBytes(matrix, k));
  },
  ordinary(recipe, { models, untouched = [] }) {
    const weight = weightOf(recipe, "coefficient");
    if (numberOf(recipe, "k") !== 0) {
      return sumRecipe(recipe, "task_arithmetic", addedPart(alignedModel(recipe), PART, models, weight));
    }
    // U - A is -V.
    const negative = weightOf(recipe, "coefficient", { times: -1 });
    const none = untouched.map((filter) => ({ filter, value: 0 }));
    const term = { model: unalignedModel(recipe), weight: [...none, ...negative], optional: true };
    return sumRecipe(recipe, "task_arithmetic", [term]);
  },
};

function refuseStacks(tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]): void {
  if (tensors.length === 0) return;
  const list = tensors.map(({ name, shape }) => `${name} is [${shape.join(", ")}]`);
  throw new RetemperError("INCOMPATIBLE", `a low-rank part needs weights that are matrices:${listing(list)}`, {
    hint: "k: 0 takes the whole change, whatever its shape",
  });
}

function notTheSame(file: string | undefined): RetemperError {
  return new RetemperError("INCOMPATIBLE", "base_model and unaligned_model have no matrix of the same name and shape", {
    file,
    hint: "unaligned_model is the model that base_model was aligned from",
  });
}
