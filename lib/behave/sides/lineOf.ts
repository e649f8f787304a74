// The line in the space of weights that a merge lies on, where it does: a base with an adapter, or a weighted mean of two
// models. Whoever claims to be that merge must lie on it too, at the same place.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJsonObject } from "../../checkpoint/json.js";
import { locate } from "../../checkpoint/locate.js";
import { loadRecipe } from "../../recipe/load.js";
import { parseModelReference } from "../../recipe/modelReference.js";
import type { ParsedRecipe, Recipe, RecipeSource } from "../../recipe/types.js";
import type { Line } from "./side.js";

/** @param lambda in the place of the recipe's own weights */
export async function lineOf(recipe: string | Recipe, lambda: number | undefined): Promise<Line | undefined> {
  const parsed = await loadRecipe(recipe, { supplied: lambda === undefined ? [] : ["weight", "t"] });
  const sources = sourcesOf(parsed);
  const [first, second] = sources;
  if (first === undefined) return undefined;
  const { method, baseModel } = parsed;
  const only = sources.length === 1 && method === "passthrough";
  if (only && lambda === undefined && first.model.lora && first.parameters.scale === undefined) {
    const { path, revision, lora, text } = first.model;
    const origin = revision === undefined ? path : `${path}@${revision}`;
    return { what: "adapter", origin, end: text, scale: 1, baseName: await baseNameOf(lora) };
  }
  if (second === undefined || sources.length > 2) return undefined;
  if (method !== "linear" && method !== "task_arithmetic") return undefined;
  const at = baseModel === undefined ? 0 : sources.findIndex(({ model }) => model.text === baseModel.text);
  const origin = at < 0 ? undefined : sources[at];
  const end = sources[1 - at];
  if (origin === undefined || end === undefined) return undefined;
  const scale = lambda ?? ownScale(parsed, origin, end);
  if (scale === undefined) return undefined;
  return { what: "fine-tuned model", origin: origin.model.text, end: end.model.text, scale };
}

/** The sources of a recipe of whole models; none of any other. */
function sourcesOf({ modules, baseModel, method }: ParsedRecipe): readonly RecipeSource[] {
  const [module, ...others] = modules;
  if (module === undefined || others.length > 0 || !module.whole) return [];
  const sources = module.slices[0]?.sources ?? [];
  const listed = baseModel === undefined || sources.some(({ model }) => model.text === baseModel.text);
  return listed || method === "passthrough" ? sources : [{ model: baseModel, parameters: {} }, ...sources];
}

/** The weight of the end, where the recipe has plain numbers. */
function ownScale({ method, parameters }: ParsedRecipe, origin: RecipeSource, end: RecipeSource): number | undefined {
  const of = (source: RecipeSource) => plain(source.parameters.weight ?? parameters.weight);
  const [low, high] = [of(origin), of(end)];
  if (high === undefined) return undefined;
  if (method === "task_arithmetic") {
    const lambda = parameters.lambda === undefined ? 1 : plain(parameters.lambda);
    const normalised = parameters.normalize !== undefined;
    return lambda === undefined || normalised ? undefined : lambda * high;
  }
  const normalised = parameters.normalize === undefined;
  return low === undefined || !normalised ? undefined : high / (low + high);
}

function plain(values: RecipeSource["parameters"][string] | undefined): number | undefined {
  const [only, ...others] = values ?? [];
  return others.length === 0 && only?.filter === undefined && typeof only?.value === "number" ? only.value : undefined;
}

/** What the adapter was trained on, by its own word. */
async function baseNameOf(lora: { readonly path: string; readonly revision?: string } | undefined) {
  if (lora === undefined) return undefined;
  const file = join(await locate(lora), "adapter_config.json");
  if (!existsSync(file)) return undefined;
  const { base_model_name_or_path: name } = await readJsonObject(file);
  return typeof name === "string" ? name : undefined;
}

/** The base of a reference `BASE+ADAPTER`; undefined for any other text. */
export function adapterOf(text: string): string | undefined {
  return parseModelReference(text, existsSync).lora?.path;
}
