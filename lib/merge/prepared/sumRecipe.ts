// The ordinary recipe of a method that is prepared: a sum over its models and made inputs.

import { METHODS, type MethodName } from "../../recipe/methods.js";
import type {
  ConditionalValue,
  ModelReference,
  Parameters,
  ParameterValue,
  ParsedRecipe,
  RecipeSource,
  Scalar,
} from "../../recipe/types.js";
import type { Gate } from "./types.js";

/** One model of the sum with its share. */
export interface SumTerm {
  readonly model: ModelReference;
  readonly weight: readonly ConditionalValue[];
  /** A tensor that it lacks, or has in another shape, is made without it. */
  readonly optional?: RecipeSource["optional"];
  /** The share of its change that DARE keeps. */
  readonly density?: readonly ConditionalValue[];
}

/**
 * Base and dtype are the recipe's. Values of 16 bits (`dtype`) are what the result is rounded to; nothing is before.
 * @param method of the sum: `linear` has the base among its terms, the others add changes to it
 */
export function sumRecipe(
  recipe: ParsedRecipe,
  method: Extract<MethodName, "linear" | "task_arithmetic" | "dare_linear">,
  terms: readonly SumTerm[],
  parameters: Parameters = {},
): ParsedRecipe {
  const { unalignedModel: _unaligned, safeModel: _safe, dtype, outDtype, ...rest } = recipe;
  const sources = terms.map(({ model, weight, optional, density }): RecipeSource => {
    return { model, parameters: { weight, ...(density && { density }) }, ...(optional && { optional }) };
  });
  const isWide = dtype === "float32" || dtype === "float64";
  const stored = outDtype ?? dtype;
  return {
    ...rest,
    method,
    modules: [{ name: "", whole: true, parameters: {}, slices: [{ sources, parameters: {} }] }],
    parameters,
    ...(isWide && { dtype }),
    ...(stored && { outDtype: stored }),
  };
}

/** A number of the recipe's parameters as a weight: each of its values, by filters and layers, turned by a straight line. */
export function weightOf(
  recipe: ParsedRecipe,
  name: string,
  line: { readonly times?: number; readonly plus?: number } = {},
): readonly ConditionalValue[] {
  const { times = 1, plus = 0 } = line;
  const turned = (value: Scalar): Scalar => plus + times * Number(value);
  const turn = (value: ParameterValue): ParameterValue =>
    typeof value === "object" ? value.map(turned) : turned(value);
  const values = (recipe.parameters[name] ?? []).map(({ filter, value }): ConditionalValue => {
    return { ...(filter !== undefined && { filter }), value: turn(value) };
  });
  const all = values.findIndex(({ filter }) => filter === undefined);
  const usual = METHODS[recipe.method].global[name]?.default;
  if (all >= 0 || usual === undefined) return all < 0 ? values : values.slice(0, all + 1);
  return [...values, { value: turned(usual) }];
}

/**
 * `lambda` as the weight of one term of a method with gates: times `inside` for gated modules, times `outside` for all else.
 */
export function gatedWeight(
  recipe: ParsedRecipe,
  gates: readonly Pick<Gate, "module" | "gated">[],
  inside: number,
  outside: number,
): readonly ConditionalValue[] {
  // Filters are parts of names: of two that one tensor's name holds, the longer one is its own.
  const named = gates.map(({ module, gated }) => ({ filter: `${module}.weight`, gated }));
  named.sort((a, b) => b.filter.length - a.filter.length);
  const own = named.flatMap(({ filter, gated }) => {
    const values = weightOf(recipe, "lambda", { times: gated ? inside : outside });
    const first = values.find((one) => one.filter === undefined || filter.includes(one.filter));
    return first ? [{ filter, value: first.value }] : [];
  });
  return [...own, ...weightOf(recipe, "lambda", { times: outside })];
}

/** One number for all tensors. */
export function constant(value: number): readonly ConditionalValue[] {
  return [{ value }];
}

/** A number of the recipe that is the same for all tensors; undefined where it is not set and has no default. */
export function numberOf(recipe: ParsedRecipe, name: string): number | undefined {
  const value = recipe.parameters[name]?.[0]?.value ?? METHODS[recipe.method].global[name]?.default;
  return value === undefined ? undefined : Number(value);
}
