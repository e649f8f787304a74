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
  /** Of the ranges in what `modules` have planned. */
  readonly files: InputFiles;
  /** Holds what they keep. */
  readonly scratch: ScratchFile;
  readonly warnings: readonly string[];
}

/** @param use is done with what the projections keep when it ends */
export async function withProjections<T>(
  recipe: ParsedRecipe,
  folder: string,
  options: PrepareOptions,
  use: (projections: Projections) => Promise<T>,
): Promise<T> {
  const [base, other, model] = [alignedModel(recipe), unalignedModel(recipe), tunedModel(recipe)];
  const of = await openRoles(recipe, options);
  const roles = { aligned: of(base), unaligned: of(other), tuned: of(model) };
  const work = join(folder, "work");
  await mkdir(work).catch((error: unknown) => {
    throw ioError(error, work, "cannot make a folder");
  });
  const scratch = await ScratchFile.open(join(work, "projected"));
  try {
    const { tuned } = roles;
    const files = new InputFiles();
    const aligning = plannedChanges(base, other, of, files);
    if (isAdapterOf(model, base)) {
      const { modules, warnings } = adapterModules(tuned);
      const projected = await projectModules(modules, roles, aligning, files, work, scratch, options);
      return await use({ tuned, modules: projected, files, scratch, warnings });
    }
    const tuning = plannedChanges(model, base, of, files);
    const modules = await projectWhole(roles, { aligning, tuning }, files, scratch, options);
    return await use({ tuned, modules, files, scratch, warnings: [] });
  } finally {
    await scratch.close().catch(() => {});
    await rm(work, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}
