// The weights of a recipe's models, each by a short name: what a caller sets beside lambda, where there are several models.

import { RetemperError } from "../errors.js";
import { parseWritten } from "./load.js";
import { METHODS } from "./methods.js";
import type { ModelReference, ParsedRecipe, RecipeSlice } from "./types.js";
import { editModules } from "./vary.js";

/** By name, as `weightNames` has them. */
export type ModelWeights = Readonly<Record<string, number>>;

/**
 * Short names of the models that have a weight of their own, in the recipe's order: the last part of the adapter's or the
 * model's path, with a number behind it where that is taken. undefined for a method that has no such weights.
 */
export function weightNames(recipe: ParsedRecipe): readonly string[] | undefined {
  const names = [...namesByModel(recipe).values()];
  return names.length > 0 ? names : undefined;
}

/**
 * The recipe with these weights, the same for all layers and tensors; a model that is not named has weight 0.
 * @throws RetemperError BAD_RECIPE where they have no meaning for the method
 */
export function withWeights(recipe: ParsedRecipe, weights: ModelWeights): ParsedRecipe {
  const names = namesByModel(recipe);
  const slices = recipe.modules.flatMap((module) => module.slices);
  let at = 0;
  const weighAll = <T extends object>(sources: readonly T[]) => {
    const { sources: read } = slices[at++] as RecipeSlice;
    return sources.map((source, index) => {
      const name = names.get(read[index]?.model.text ?? "");
      if (name === undefined) return source;
      const parameters = "parameters" in source ? (source.parameters as object | null) : {};
      return { ...source, parameters: { ...parameters, weight: weights[name] ?? 0 } };
    });
  };
  const written = editModules(recipe.written, (module) => {
    if (module.models?.length) return { ...module, models: weighAll(module.models) };
    const edited = module.slices?.map((slice) => ({ ...slice, sources: weighAll(slice.sources) }));
    return { ...module, ...(edited && { slices: edited }) };
  });
  return { ...parseWritten(written, {}), ...(recipe.file === undefined ? {} : { file: recipe.file }) };
}

/**
 * The recipe with an adapter of its base model more, the last of its models, of weight 0; that one's name; and the recipe with it alone.
 * @throws RetemperError USAGE for a recipe that adds nothing to one base model; BAD_RECIPE where its method takes no more models
 */
export function withAdapter(
  recipe: ParsedRecipe,
  path: string,
): { readonly recipe: ParsedRecipe; readonly name: string; readonly alone: ParsedRecipe } {
  const { baseModel, written, method } = recipe;
  if (!baseModel || baseModel.lora || !written.models?.length || !METHODS[method].perModel.weight) {
    throw new RetemperError("USAGE", "an adapter is added to a recipe of weighted models on one base_model", {
      hint: "such as merge_method: task_arithmetic, with models",
    });
  }
  const { path: base, revision } = baseModel;
  const added = {
    model: { model: { path: base, ...(revision && { revision }) }, lora: { path } },
    parameters: { weight: 0 },
  };
  const [extended, alone] = [written.models, []].map((before) => ({
    ...parseWritten({ ...written, models: [...before, added] }, {}),
    ...(recipe.file === undefined ? {} : { file: recipe.file }),
  })) as [ParsedRecipe, ParsedRecipe];
  const names = weightNames(extended) ?? [];
  if (names.length > (weightNames(recipe) ?? []).length)
    return { recipe: extended, name: names.at(-1) as string, alone };
  throw new RetemperError("USAGE", `the adapter ${path} is one of the models already`);
}

/** Names by reference. */
function namesByModel(recipe: ParsedRecipe): Map<string, string> {
  const names = new Map<string, string>();
  const { perModel, baseIsInput } = METHODS[recipe.method];
  if (perModel.weight === undefined) return names;
  for (const slice of recipe.modules.flatMap((module) => module.slices)) {
    const base = slice.baseModel ?? recipe.baseModel;
    for (const { model } of slice.sources) {
      if (names.has(model.text) || (!baseIsInput && model.text === base?.text)) continue;
      names.set(model.text, distinct(lastPart(model), new Set(names.values())));
    }
  }
  return names;
}

function lastPart({ path, lora }: ModelReference): string {
  const whole = lora?.path ?? path;
  return (
    whole
      .split(/[/\\]/)
      .filter((part) => part !== "")
      .at(-1) ?? whole
  );
}

function distinct(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  let number = 2;
  while (taken.has(`${name}-${number}`)) number += 1;
  return `${name}-${number}`;
}
