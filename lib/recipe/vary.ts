// The recipe of one point of a sweep: the same recipe with some of its numbers set. The result is a recipe like any
// other, with a text of its own, so that what a sweep writes can be merged again from that text alone.

import { RetemperError } from "../errors.js";
import { readDocument } from "./document.js";
import { loadRecipe } from "./load.js";
import { findParameter, METHODS } from "./methods.js";
import { createParameterReader } from "./parameters.js";
import { suggestion } from "./suggest.js";
import type { ParsedRecipe, Recipe, RecipeSlice } from "./types.js";

/** The name under which the weight of the fine-tuned model is set; `lambda` itself is a parameter of some methods. */
export const LAMBDAS = "lambdas";

/** By name: `lambdas` for the weight of the one fine-tuned model, else a parameter of the recipe's method. */
export type Settings = Readonly<Record<string, number>>;

/** Parameters that a recipe may leave out when the named settings follow. */
export function suppliedBy(names: Iterable<string>): string[] {
  return [...names].flatMap((name) => (name === LAMBDAS ? ["weight", "t"] : [name]));
}

/**
 * Refuses settings that the recipe's method has no use for.
 * @throws RetemperError USAGE
 */
export function checkSettings(recipe: ParsedRecipe, names: readonly string[]): void {
  const { method } = recipe;
  const numbers = numberParameters(recipe);
  for (const name of names.filter((one) => one !== LAMBDAS)) {
    const known = findParameter(method, name);
    if (known && (known.record.type === "number" || known.record.type === "integer")) continue;
    const what = known ? `the parameter ${name} of ${method} is no number` : `${method} has no parameter ${name}`;
    throw new RetemperError("USAGE", `${what}, so it cannot be varied`, {
      hint: numbers.length > 0 ? suggestion(name, numbers) : `${method} has no parameter that is a number`,
    });
  }
  if (!names.includes(LAMBDAS)) return;
  const own = method === "slerp" ? "t" : "weight";
  checkLambda(recipe);
  if (names.includes(own)) {
    throw new RetemperError("USAGE", `lambda sets the ${own} of ${method}, so ${own} cannot be varied beside it`, {
      hint: `leave one of the two out`,
    });
  }
}

/** The recipe with the settings in it. A parameter is set for all models, layers and tensors alike. */
export async function withSettings(
  recipe: ParsedRecipe,
  settings: Settings,
  options: { readonly lenient?: boolean | undefined } = {},
): Promise<ParsedRecipe> {
  let root = readDocument(recipe.text).value as Mapping;
  for (const [name, value] of Object.entries(settings)) {
    root = name === LAMBDAS ? withLambda(root, recipe, value) : withParameter(root, name, value);
  }
  const set = await loadRecipe(root as Recipe, options);
  const warnings = LAMBDAS in settings && weightCancels(set) ? [...set.warnings, CANCELS] : set.warnings;
  return { ...set, warnings, ...(recipe.file === undefined ? {} : { file: recipe.file }) };
}

const CANCELS =
  "normalize divides the fine-tuned model's weight out again, so lambda has no effect: set `parameters: {normalize: false}`";

/** With one model, the sum of the weights is its weight. */
function weightCancels(recipe: ParsedRecipe): boolean {
  if (!METHODS[recipe.method].taskArithmetic) return false;
  return recipe.modules.some((module) =>
    module.slices.some((slice) => createParameterReader(recipe, module, slice).globalBoolean("normalize", "", 0)),
  );
}

type Mapping = Readonly<Record<string, unknown>>;

function withParameter(root: Mapping, name: string, value: number): Mapping {
  const without = (part: Mapping): Mapping => {
    const { [name]: _old, ...others } = mapping(part.parameters);
    return "parameters" in part ? { ...part, parameters: others } : part;
  };
  const cleared = editParts(root, without);
  return { ...cleared, parameters: { ...mapping(root.parameters), [name]: value } };
}

function withLambda(root: Mapping, recipe: ParsedRecipe, lambda: number): Mapping {
  if (recipe.method === "slerp") return withParameter(root, "t", lambda);
  const slices = recipe.modules.flatMap((module) => module.slices);
  const pairs = METHODS[recipe.method].taskArithmetic === undefined;
  const weigh = (source: Mapping, weight: number): Mapping => {
    return { ...source, parameters: { ...mapping(source.parameters), weight } };
  };
  let at = 0;
  // A base that is listed nowhere is one more input of a mean: it is listed, so that it can have a weight.
  const appended = pairs && recipe.baseModel ? [weigh({ model: root.base_model }, complement(lambda))] : [];
  return editSlices(root, (sources, whole) => {
    const slice = slices[at++] as RecipeSlice;
    const aligned = alignedIndex(recipe, slice);
    const edited = sources.map((source, index) => {
      if (index !== aligned) return weigh(source, lambda);
      return pairs ? weigh(source, complement(lambda)) : source;
    });
    return whole && aligned < 0 ? [...edited, ...appended] : edited;
  });
}

/** 1 - lambda, without the binary digits that a short decimal does not have: 0.1 for 0.9. */
function complement(lambda: number): number {
  const rest = 1 - lambda;
  const short = Number(rest.toFixed(12));
  return Math.abs(short - rest) <= 2 ** -52 * Math.max(1, Math.abs(lambda)) ? short : rest;
}

/** Place of the aligned model: the base, else the first of two; -1 where the base is listed nowhere. */
function alignedIndex(recipe: ParsedRecipe, slice: RecipeSlice): number {
  const base = slice.baseModel ?? recipe.baseModel;
  const at = base === undefined ? 0 : slice.sources.findIndex(({ model }) => model.text === base.text);
  // A base that gives no layers to a mean of slices only says where configuration and tokenizer come from.
  const gives = METHODS[recipe.method].base !== "ignored" || slice.sources.every(({ layerRange }) => !layerRange);
  return at < 0 && !gives ? 0 : at;
}

/** @throws RetemperError USAGE where there is not exactly one fine-tuned model beside the aligned one */
function checkLambda(recipe: ParsedRecipe): void {
  const { method } = recipe;
  const [name] = numberParameters(recipe).filter((one) => one !== "lambda");
  const hint = name
    ? `vary a parameter of the recipe instead, for example --vary ${name}=0.1:0.9:0.1`
    : `${method} has no number that --vary could set`;
  const fits = ["linear", "nuslerp", "slerp"].includes(method) || METHODS[method].taskArithmetic;
  if (!fits) throw new RetemperError("USAGE", `${method} has no lambda: no weight of one fine-tuned model`, { hint });
  for (const slice of recipe.modules.flatMap((module) => module.slices)) {
    const tuned = slice.sources.length - (alignedIndex(recipe, slice) < 0 ? 0 : 1);
    if (tuned === 1) continue;
    throw new RetemperError(
      "USAGE",
      `lambda is the weight of one fine-tuned model against the aligned one, and this recipe has ${tuned} fine-tuned models`,
      { hint },
    );
  }
}

function numberParameters({ method }: ParsedRecipe): string[] {
  const all = { ...METHODS[method].perModel, ...METHODS[method].global };
  return Object.keys(all).filter((name) => all[name]?.type === "number" || all[name]?.type === "integer");
}

function mapping(value: unknown): Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Mapping) : {};
}

function list(value: unknown): readonly Mapping[] | undefined {
  return Array.isArray(value) && value.length > 0 ? (value as Mapping[]) : undefined;
}

/** Every mapping below the recipe that may hold `parameters`. */
function editParts(root: Mapping, edit: (part: Mapping) => Mapping): Mapping {
  const below = (part: Mapping): Mapping => ({
    ...part,
    ...(list(part.models) && { models: list(part.models)?.map(edit) }),
    ...(list(part.slices) && {
      slices: list(part.slices)?.map((slice) => edit({ ...slice, sources: list(slice.sources)?.map(edit) })),
    }),
  });
  return editModules(root, (module) => below(module === root ? module : edit(module)));
}

/** Every list of sources, in the order of the slices that the reader made of them. */
function editSlices(root: Mapping, edit: (sources: readonly Mapping[], whole: boolean) => Mapping[]): Mapping {
  return editModules(root, (module) => ({
    ...module,
    ...(list(module.models) && { models: edit(list(module.models) ?? [], true) }),
    ...(list(module.slices) && {
      slices: list(module.slices)?.map((slice) => ({ ...slice, sources: edit(list(slice.sources) ?? [], false) })),
    }),
  }));
}

function editModules(root: Mapping, edit: (module: Mapping) => Mapping): Mapping {
  const modules = Object.entries(mapping(root.modules));
  if (modules.length === 0) return edit(root);
  return { ...root, modules: Object.fromEntries(modules.map(([name, module]) => [name, edit(mapping(module))])) };
}
