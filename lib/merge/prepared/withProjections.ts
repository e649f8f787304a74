// What both methods with gates begin with: the fine-tuned adapter's modules, each projected on V.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "../../checkpoint/types.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { ScratchFile } from "../adapter/scratchFile.js";
import { adapterModules } from "./adapterModules.js";
import { openRoles } from "./openRoles.js";
import { type ProjectedModule, projectModules } from "./projectModules.js";
import { alignedModel, isAdapterOf, tunedModel, unalignedModel } from "./theModels.js";
import type { PrepareOptions } from "./types.js";

export interface Projections {
  readonly tuned: Checkpoint;
  /** What they keep can be read until the caller is done. */
  readonly modules: readonly ProjectedModule[];
  readonly warnings: readonly string[];
}

/** @throws RetemperError USAGE for a fine-tuned model that is no adapter of the base model */
export async function withProjections<T>(
  recipe: ParsedRecipe,
  folder: string,
  options: PrepareOptions,
  use: (projections: Projections) => Promise<T>,
): Promise<T> {
  const [base, model] = [alignedModel(recipe), tunedModel(recipe)];
  if (!isAdapterOf(model, base)) {
    throw new RetemperError("USAGE", `${recipe.method}: ${model.text} is no adapter of the base model`, {
      hint: "write it as BASE+ADAPTER with the base_model as it stands; `retemper extract BASE MODEL OUT` makes an adapter of a whole model",
    });
  }
  const of = await openRoles(recipe, options);
  const tuned = of(model);
  const roles = { aligned: of(base), unaligned: of(unalignedModel(recipe)), tuned };
  const { modules, warnings } = adapterModules(tuned);
  const work = join(folder, "work");
  await mkdir(work).catch((error: unknown) => {
    throw ioError(error, work, "cannot make a folder");
  });
  const scratch = await ScratchFile.open(join(work, "projected"));
  try {
    return await use({ tuned, modules: await projectModules(modules, roles, work, scratch, options), warnings });
  } finally {
    await scratch.close().catch(() => {});
    await rm(work, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}
