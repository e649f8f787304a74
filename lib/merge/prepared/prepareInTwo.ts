// A merge's plan in two steps: what is known from headers, and, for a method that is prepared, the plan over what was made.

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Addon } from "../../addon/surface.js";
import { ioError } from "../../files/ioError.js";
import { METHODS } from "../../recipe/methods.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import type { MergeOptions } from "../options.js";
import { type Opened, openInputs, type Prepared, prepare } from "../prepare.js";
import type { ProgressReporter } from "../progress.js";
import { diskOfMade } from "./diskOfMade.js";
import { asAdapter, outlineOf } from "./outlineOf.js";
import { prepareTerms } from "./prepareTerms.js";
import type { Preparation } from "./types.js";

type PrepareAs = (recipe: ParsedRecipe, options: MergeOptions, addon: Addon) => Promise<Prepared>;

export interface InTwo {
  /** From headers: names, shapes, dtypes and files are those of the output. */
  readonly outline: Prepared;
  /**
   * The plan itself. What it reads beside the models lies in a folder of its own in `folder` until `removed`.
   * @param folder where that may be made
   */
  readonly whole: (folder: string, progress?: ProgressReporter) => Promise<Prepared>;
  readonly removed: () => Promise<void>;
}

/** The name of the folder of made inputs. */
const MADE = "prepared";

/** @param prepareAs how the ordinary recipe is planned: as a checkpoint, or as an adapter */
export async function prepareInTwo(
  recipe: ParsedRecipe,
  options: MergeOptions,
  addon: Addon,
  prepareAs: PrepareAs,
): Promise<InTwo> {
  if (!METHODS[recipe.method].prepared) {
    const outline = await prepareAs(recipe, options, addon);
    return { outline, whole: async () => outline, removed: async () => {} };
  }
  // Refuses a method that cannot be prepared here before any model is opened.
  const isAdapter = options.format === "adapter";
  const { rank, energy } = options;
  const kind = rank === undefined && energy === undefined ? "summed" : "near";
  const sum = isAdapter ? asAdapter(recipe, kind) : outlineOf(recipe);
  const opened = await openInputs(recipe, options, addon);
  const planned = asRecorded(await (isAdapter ? prepareAs : prepare)(sum, options, addon), recipe, opened);
  const bytes = diskOfMade(recipe, planned.built.tensors, planned.models);
  const outline = withMade(planned, bytes);
  let made: string | undefined;
  return {
    outline,
    async whole(folder, progress) {
      made = join(folder, MADE);
      progress?.start("prepare");
      const preparation = await makeIn(made, recipe, options, addon, progress);
      const models = { ...options.models, ...preparation.models };
      const prepared = await prepareAs(preparation.recipe, { ...options, models }, addon);
      return withMade(asRecorded(prepared, recipe, opened, preparation), bytes);
    },
    async removed() {
      if (made !== undefined) await rm(made, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** A plan whose estimate has room for what is made before the merge. */
function withMade(prepared: Prepared, bytes: number): Prepared {
  const { estimate } = prepared;
  return { ...prepared, bytesMade: bytes, estimate: { ...estimate, diskNeeded: estimate.diskNeeded + bytes } };
}

/** Makes a folder, and in it what a recipe needs. */
export async function makeIn(
  folder: string,
  recipe: ParsedRecipe,
  { threads, signal, models, transformersCache }: MergeOptions,
  addon: Addon,
  progress?: ProgressReporter,
): Promise<Preparation> {
  await mkdir(folder).catch((error: unknown) => {
    throw ioError(error, folder, "cannot make a folder");
  });
  return prepareTerms(recipe, folder, {
    addon,
    threads,
    signal,
    models,
    transformersCache,
    onProgress: progress?.update,
  });
}

/** A plan as records and cards show it: by the recipe as it was written, and the models that it names. */
export function asRecorded(
  prepared: Prepared,
  recipe: ParsedRecipe,
  { models, sideInputs }: Pick<Opened, "models" | "sideInputs">,
  { gates, warnings = [] }: Partial<Pick<Preparation, "gates" | "warnings">> = {},
): Prepared {
  const all = [...recipe.warnings, ...models.warnings, ...warnings, ...prepared.warnings];
  return { ...prepared, recipe, models, sideInputs, warnings: [...new Set(all)], ...(gates && { gates }) };
}
