// The recipe of one point of a sweep: the same recipe with some of its numbers set. The result is a recipe like any
// other, with a text of its own, so that what a sweep writes can be merged again from that text alone. The numbers are
// set in what was read; no text is read again.

import { RetemperError } from "../errors.js";
import { parseWritten } from "./load.js";
import { findParameter, METHODS } from "./methods.js";
import { createParameterReader } from "./parameters.js";
import type { LayoutShape } from "./shape.js";
import { suggestion } from "./suggest.js";
import type { ParsedRecipe, RecipeSlice, WrittenRecipe } from "./types.js";

/** The name under which the weight of the fine-tuned model is set; `lambda` itself is a parameter of some methods. */
export const LAMBDAS = "lambdas";

/** By name: `lambdas` for the weight of the one fine-tuned model, else a parameter of the recipe's method. */
export type PointSettings = Readonly<Record<string, number>>;

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
  const fault = lambdaFault(recipe);
  if (fault) throw fault;
  const own = METHODS[method].lambda as string;
  if (names.includes(own)) {
    throw new RetemperError("USAGE", `lambda sets the ${own} of ${method}, so ${own} cannot be varied beside it`, {
      hint: `leave one of the two out`,
    });
  }
}

/**
 * The recipe with the settings in it. A parameter is set for all models, layers and tensors alike.
 * @throws RetemperError BAD_RECIPE where a number has no meaning for the method
 */
export function withSettings(
  recipe: ParsedRecipe,
  settings: PointSettings,
  options: { readonly lenient?: boolean | undefined } = {},
): ParsedRecipe {
  let written = recipe.written;
  for (const [name, value] of Object.entries(settings)) {
    written = name === LAMBDAS ? withLambda(recipe, written, value) : withParameter(written, name, value);
  }
  const set = parseWritten(written, options);
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

type ParametersShape = Readonly<Record<string, unknown>>;
/** What may hold `parameters` as it is written: the recipe, a module, a slice, a model. */
interface PartShape {
  readonly parameters?: ParametersShape | null | undefined;
}

/** The recipe with a parameter that is the same for all models, layers and tensors. */
function withParameter(written: WrittenRecipe, name: string, value: number): WrittenRecipe {
  const without = <T extends PartShape>(part: T): T => {
    const { [name]: _old, ...others } = part.parameters ?? {};
    return "parameters" in part ? { ...part, parameters: others } : part;
  };
  const cleared = editModules(written, (module) => ({
    ...without(module),
    ...(module.models?.length && { models: module.models.map(without) }),
    ...(module.slices?.length && {
      slices: module.slices.map((slice) => without({ ...slice, sources: slice.sources.map(without) })),
    }),
  }));
  return { ...cleared, parameters: { ...written.parameters, [name]: value } };
}

/** The recipe with lambda as the weight of its fine-tuned model, and, where a mean is taken, 1 - lambda as the other's. */
function withLambda(recipe: ParsedRecipe, written: WrittenRecipe, lambda: number): WrittenRecipe {
  const { lambda: own } = METHODS[recipe.method];
  if (own !== undefined && own !== "weight") return withParameter(written, own, lambda);
  const slices = recipe.modules.flatMap((module) => module.slices);
  const pairs = METHODS[recipe.method].taskArithmetic === undefined;
  const weigh = <T extends object & PartShape>(source: T, weight: number) => {
    return { ...source, parameters: { ...source.parameters, weight } };
  };
  const weighAll = <T extends PartShape>(sources: readonly T[], aligned: number) =>
    sources.map((source, index) => {
      if (index !== aligned) return weigh(source, lambda);
      return pairs ? weigh(source, complement(lambda)) : source;
    });
  // A base that is listed nowhere is one more input of a mean: it is listed, so that it can have a weight.
  const base = { model: written.base_model as object };
  const appended = pairs && recipe.baseModel ? [weigh(base, complement(lambda))] : [];
  // The reader made one slice of `models`, and one of each of `slices`, in this order.
  let at = 0;
  const alignedInNext = (): number => alignedIndex(recipe, slices[at++] as RecipeSlice);
  return editModules(written, (module) => {
    if (module.models?.length) {
      const aligned = alignedInNext();
      return { ...module, models: [...weighAll(module.models, aligned), ...(aligned < 0 ? appended : [])] };
    }
    const edited = module.slices?.map((slice) => ({ ...slice, sources: weighAll(slice.sources, alignedInNext()) }));
    return { ...module, ...(edited && { slices: edited }) };
  });
}

/** Every module, or the recipe itself where it has none. */
export function editModules(written: WrittenRecipe, edit: <T extends LayoutShape>(module: T) => T): WrittenRecipe {
  const modules = Object.entries(written.modules ?? {});
  if (modules.length === 0) return edit(written);
  return { ...written, modules: Object.fromEntries(modules.map(([name, module]) => [name, edit(module)])) };
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

/** Why a recipe has no lambda: there is not exactly one fine-tuned model beside the aligned one. */
export function lambdaFault(recipe: ParsedRecipe): RetemperError | undefined {
  const { method } = recipe;
  const [name] = numberParameters(recipe).filter((one) => one !== "lambda");
  const hint = name
    ? `vary a parameter of the recipe instead, for example --vary ${name}=0.1:0.9:0.1`
    : `${method} has no number that --vary could set`;
  const { lambda, prepared } = METHODS[method];
  if (lambda === undefined)
    return new RetemperError("USAGE", `${method} has no lambda: no weight of one fine-tuned model`, { hint });
  if (prepared) return undefined; // the rules of these methods have counted the models
  for (const slice of recipe.modules.flatMap((module) => module.slices)) {
    const tuned = slice.sources.length - (alignedIndex(recipe, slice) < 0 ? 0 : 1);
    if (tuned === 1) continue;
    return new RetemperError(
      "USAGE",
      `lambda is the weight of one fine-tuned model against the aligned one, and this recipe has ${tuned} fine-tuned models`,
      { hint },
    );
  }
  return undefined;
}

function numberParameters({ method }: ParsedRecipe): string[] {
  const all = { ...METHODS[method].perModel, ...METHODS[method].global };
  return Object.keys(all).filter((name) => all[name]?.type === "number" || all[name]?.type === "integer");
}
