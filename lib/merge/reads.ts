// What a merge reads, and so must not write on: folders of models and adapters, their files, the recipe, the hub's cache.

import { hubCache } from "../checkpoint/locate.js";
import type { StoredFile } from "../checkpoint/types.js";
import type { OutputKind } from "../output/checkPlace.js";
import type { Input } from "../output/refuseOverlap.js";
import type { OpenModels } from "./models.js";
import type { PlanOptions } from "./options.js";

/** The output of a merge. With `force` it replaces any folder. */
export const MERGED: OutputKind = {
  what: "merge",
  hint: "choose another folder, or --force to replace it once the new one is complete",
};

/** What helps where the disk is too small for a merge. */
export const MORE_SPACE = "free some space, choose an output on another disk, or a narrower out_dtype";

/** What the merge of a recipe on open models must be apart from. */
export function mergeReads(
  { checkpoints }: OpenModels,
  files: readonly StoredFile[],
  recipeFile: string | undefined,
  { transformersCache }: PlanOptions,
): Input[] {
  const folders = [...checkpoints.values()].flatMap(({ folder, adapter }) => {
    return adapter ? [folder, adapter.folder] : [folder];
  });
  const recipe = recipeFile === undefined ? [] : [recipeFile];
  const paths = [...folders, ...files.map(({ path }) => path), ...recipe];
  return [...paths.map((path) => ({ path })), { path: hubCache({ cache: transformersCache }), what: "the hub cache" }];
}
