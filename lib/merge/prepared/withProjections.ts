// What both methods with gates begin with: each module's change, projected on V.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "../../checkpoint/types.js";
import { ioError } from "../../files/ioError.js";
import { InputFiles } from "../../plan/inputFiles.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { ScratchFile } from "../adapter/scratchFile.js";
import { adapterModules } from "./adapterModules.js";
import { plannedChanges } from "./changes.js";
import { openRoles } from "./openRoles.js";
import type { ProjectedChange } from "./projectedChange.js";
import { projectModules } from "./projectModules.js";
import { projectWhole } from "./projectWhole.js";
import { alignedModel, isAdapterOf, tunedModel, unalignedModel } from "./theModels.js";
import type { PrepareOptions } from "./types.js";

export interface Projections {
  readonly tuned: Checkpoint;
  /** What they keep can be read until the caller is done. */
  readonly modules: readonly ProjectedChange[];
  readonly warnings: readonly string[];
}

/**
 * @param use is done with what the projections keep when it ends
 * @param into a folder to make for A + C D of a whole model's matrices; undefined: only the cosines are wanted
 */
export async function withProjections<T>(
  recipe: ParsedRecipe,
  folder: string,
  options: PrepareOptions,
  use: (projections: Projections) => Promise<T>,
  into?: string,
): Promise<T> {
  const [base, other, model] = [alignedModel(recipe), unalignedModel(recipe), tunedModel(recipe)];
  const of = await openRoles(recipe, options);
  const roles = { aligned: of(base), unaligned: of(other), tuned: of(model) };
  const { tuned } = roles;
  const files = new InputFiles();
  const aligning = plannedChanges(base, other, of, files);
  if (!isAdapterOf(model, base)) {
    if (into !== undefined) await newFolder(into);
    const tuning = plannedChanges(model, base, of, files);
    return use({ tuned, modules: await projectWhole(roles, { aligning, tuning }, files, into, options), warnings: [] });
  }
  const work = join(folder, "work");
  await newFolder(work);
  const scratch = await ScratchFile.open(join(work, "projected"));
  try {
    const { modules, warnings } = adapterModules(tuned);
    const projected = await projectModules(modules, roles, aligning, files, work, scratch, options);
    return await use({ tuned, modules: projected, warnings });
  } finally {
    await scratch.close().catch(() => {});
    await rm(work, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

async function newFolder(path: string): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    throw ioError(error, path, "cannot make a folder");
  });
}
