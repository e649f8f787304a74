// A recipe of several documents as an adapter: each stage is made an adapter of its own first, which is exact where the whole
// is, and takes the place of its name in the documents that use it.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { temporaryFolder } from "../../files/temporaryFolder.js";
import { textOf as recipeText } from "../../recipe/load.js";
import { parseModelReference } from "../../recipe/modelReference.js";
import { loadStages, type RecipeStage, type StagedRecipe } from "../../recipe/stages.js";
import type { ModelReference, ParsedRecipe, Recipe } from "../../recipe/types.js";
import type { MergeOptions } from "../options.js";
import { suppliedByLambda, withLambda } from "../prepare.js";
import type { MergeReport } from "../report.js";

type Merge = (recipe: ParsedRecipe, out: string, options: MergeOptions) => Promise<MergeReport>;

/** @param merge merges one document */
export async function mergeNested(
  source: string | Recipe,
  out: string,
  options: MergeOptions,
  merge: Merge,
): Promise<MergeReport> {
  options.signal?.throwIfAborted();
  const { lenient, lambda } = options;
  const staged = await loadStages(source, { lenient, supplied: suppliedByLambda(lambda) });
  const final = await withLambda(staged.final.recipe, options);
  if (staged.stages.size === 0) return merge(withFile(final, source), out, options);
  const folder = await temporaryFolder("retemper-stages-");
  try {
    const made = new Map<string, ModelReference>();
    for (const [name, stage] of staged.stages) {
      const place = join(folder, `${made.size}`);
      // Exact: what is approximated is approximated once, at the end.
      const plain = { ...options, rank: undefined, energy: undefined, onProgress: undefined, copyTokenizer: false };
      const report = await merge(replaced(stage, made), place, { ...plain, hashInputs: false, verify: false });
      const base = parseModelReference(report.adapter?.base ?? "");
      made.set(name, { ...base, lora: { path: place } });
    }
    const whole = { ...replaced({ ...staged.final, recipe: final }, made), text: documentsOf(staged.stages, final) };
    return await merge(withFile(whole, source), out, options);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

function withFile(recipe: ParsedRecipe, source: string | Recipe): ParsedRecipe {
  return recipe.file === undefined && typeof source === "string" && !source.includes("\n")
    ? { ...recipe, file: source }
    : recipe;
}

/** All documents that the result needs, as they are run. */
function documentsOf(stages: StagedRecipe["stages"], final: ParsedRecipe): string {
  const named = [...stages].map(([name, { recipe }]) => recipeText({ name, ...recipe.written }));
  return [...named, recipeText(final.written)].join("---\n");
}

/** A stage's recipe with adapters in the places of the stages that it uses. */
function replaced({ recipe }: Pick<RecipeStage, "recipe">, made: ReadonlyMap<string, ModelReference>): ParsedRecipe {
  const of = (model: ModelReference): ModelReference => {
    const { path, lora, text } = model;
    const stage = made.get(path);
    if (lora && (stage || made.has(lora.path))) {
      throw new RetemperError("USAGE", `${text}: an adapter on the result of a stage, or a stage as an adapter`, {
        hint: "put the adapter into a stage of its own and add both with task_arithmetic",
      });
    }
    return stage ? { ...stage, text } : model;
  };
  const modules = recipe.modules.map((module) => ({
    ...module,
    slices: module.slices.map((slice) => ({
      ...slice,
      sources: slice.sources.map((one) => ({ ...one, model: of(one.model) })),
      ...(slice.baseModel && { baseModel: of(slice.baseModel) }),
    })),
  }));
  const { baseModel, unalignedModel, safeModel } = recipe;
  return {
    ...recipe,
    modules,
    ...(baseModel && { baseModel: of(baseModel) }),
    ...(unalignedModel && { unalignedModel: of(unalignedModel) }),
    ...(safeModel && { safeModel: of(safeModel) }),
  };
}
