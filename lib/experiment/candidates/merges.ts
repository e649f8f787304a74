// The merges that an experiment asks for, as recipes.

import { createHash } from "node:crypto";
import { METHODS, type MethodName } from "../../recipe/methods.js";
import type { Recipe } from "../../recipe/types.js";
import { type DeclaredSeries, declaredSeries } from "../settings/declaredSeries.js";
import { isOfAll, type MethodEntry, methodOf, parametersOf } from "../settings/methodEntry.js";
import type { ExperimentSettings } from "../settings/schema.js";

export interface TunedModel {
  readonly seed: string;
  /** A model, or the aligned one + adapter. */
  readonly model: string;
}

/** A merge of one seed's tuned model, or of all of them. */
export interface SeedMerge {
  /** Of the tuning; where a seed has several masks, with the mask's number from the second on. */
  readonly seed?: string | undefined;
  /** The seed of the tuning that it is of, whichever its mask. */
  readonly tuning?: string | undefined;
  readonly recipe: Recipe;
  readonly maskSeed: number;
}

/** A method with its grid; the lambda of one that varies another parameter is in the recipes. */
export interface MergeSeries extends DeclaredSeries {
  /** One for each seed, or one of all. */
  readonly merges: readonly SeedMerge[];
}

/** A merge of a series at one of its values. */
export interface MergeAt extends SeedMerge {
  /** That its recipe is merged at. */
  readonly lambda?: number | undefined;
}

export function mergeSeries(settings: ExperimentSettings, tuned: readonly TunedModel[]): MergeSeries[] {
  return settings.methods.map((entry): MergeSeries => {
    const series = declaredSeries(entry, settings);
    const [method, parameters, { lambda }] = [methodOf(entry), parametersOf(entry), series];
    if (isOfAll(entry)) {
      const models = tuned.map(({ model }) => model);
      return { ...series, merges: [{ recipe: recipeOf(method, settings, models, parameters), maskSeed: 0 }] };
    }
    const own = { ...lambdaCounts(method), ...parameters, ...(lambda !== undefined && { lambda }) };
    return {
      ...series,
      merges: tuned.flatMap(({ seed, model }) => {
        const recipe = recipeOf(method, settings, [model], own);
        return maskNamesOf(seed, entry).map((name) => ({
          ...{ seed: name, tuning: seed },
          ...{ recipe, maskSeed: maskSeedOf(name) },
        }));
      }),
    };
  });
}

/** The tuning's seed names its first mask; further ones have names of their own. */
function maskNamesOf(seed: string, entry: MethodEntry): string[] {
  const { masks = 1 } = typeof entry === "string" ? {} : entry;
  return Array.from({ length: masks }, (_, at) => (at === 0 ? seed : `${seed} mask ${at + 1}`));
}

/** A number of 1 to 9 digits is itself; of any other text, the first 31 bits of its sha256. */
export function maskSeedOf(seed: string): number {
  if (/^\d{1,9}$/.test(seed)) return Number(seed);
  return createHash("sha256").update(seed).digest().readUInt32BE(0) >>> 1;
}

/** @param value of lambda, or of what the series varies */
export function mergeAt({ varied }: Pick<MergeSeries, "varied">, merge: SeedMerge, value: number | undefined): MergeAt {
  if (value === undefined) return merge;
  if (!varied) return { ...merge, lambda: value };
  const { parameters, ...recipe } = merge.recipe as { readonly parameters?: object };
  const own = { ...parameters, [varied.parameter]: value };
  return { ...merge, recipe: { ...recipe, parameters: own } as unknown as Recipe };
}

/** TIES and DELLA divide by the sum of the weights by default, and with it lambda out of a merge of one tuned model. */
function lambdaCounts(method: string): object | undefined {
  return METHODS[method as MethodName].taskArithmetic?.normalize ? { normalize: false } : undefined;
}

function recipeOf(
  method: MethodName,
  { aligned, unaligned, safeModel }: ExperimentSettings,
  tuned: readonly string[],
  parameters: object | undefined,
): Recipe {
  const models = tuned.map((model) => ({ model }));
  const own = parameters && Object.keys(parameters).length > 0 ? { parameters } : {};
  if (method === "linear") return { merge_method: method, models: [{ model: aligned }, ...models], ...own } as Recipe;
  const inputs = method === "slerp" ? [{ model: aligned }, ...models] : models;
  const { prepared } = METHODS[method];
  const further = {
    ...(prepared?.unaligned && unaligned !== undefined && { unaligned_model: unaligned }),
    ...(prepared?.safe && safeModel !== undefined && { safe_model: safeModel }),
  };
  return { merge_method: method, base_model: aligned, ...further, models: inputs, ...own } as Recipe;
}

/** A model + adapter as a model of its own. */
export function wholeModel(model: string): Recipe {
  return { merge_method: "linear", models: [{ model, parameters: { weight: 1 } }] } as Recipe;
}
