// The merges that an experiment asks for, as recipes.

import { createHash } from "node:crypto";
import { METHODS, type MethodName } from "../recipe/methods.js";
import type { Recipe } from "../recipe/types.js";
import type { Candidate } from "../select/types.js";
import type { ExperimentSettings } from "./schema.js";

export interface TunedModel {
  readonly seed: string;
  /** A model, or the aligned one + adapter. */
  readonly model: string;
}

/** A merge of one seed's tuned model, or of all of them. */
export interface SeedMerge {
  readonly seed?: string | undefined;
  readonly recipe: Recipe;
  readonly maskSeed: number;
}

/** One method with its grid: every lambda of a merge is evaluated at once. */
export interface MergeSeries {
  readonly method: string;
  readonly parameters?: Readonly<Record<string, number | string | boolean>> | undefined;
  /** Absent where the method has none. */
  readonly lambdas?: readonly number[] | undefined;
  /** One for each seed, or one of all. */
  readonly merges: readonly SeedMerge[];
}

export function mergeSeries(settings: ExperimentSettings, tuned: readonly TunedModel[]): MergeSeries[] {
  const { aligned } = settings;
  return settings.methods.map((entry): MergeSeries => {
    const one = typeof entry === "string" ? { method: entry } : entry;
    const { method, parameters } = one;
    if (isOfAll(entry)) {
      const models = tuned.map(({ model }) => model);
      return { method, parameters, merges: [{ recipe: recipeOf(method, aligned, models, parameters), maskSeed: 0 }] };
    }
    return {
      method,
      parameters,
      lambdas: gridOf(entry, settings),
      merges: tuned.map(({ seed, model }) => ({
        seed,
        recipe: recipeOf(method, aligned, [model], { ...lambdaCounts(method), ...parameters }),
        maskSeed: maskSeedOf(seed),
      })),
    };
  });
}

/** A number of 1 to 9 digits is itself; of any other text, the first 31 bits of its sha256. */
export function maskSeedOf(seed: string): number {
  if (/^\d{1,9}$/.test(seed)) return Number(seed);
  return createHash("sha256").update(seed).digest().readUInt32BE(0) >>> 1;
}

type MethodEntry = ExperimentSettings["methods"][number];

/** Whether all tuned models go into one merge. */
export function isOfAll(entry: MethodEntry): boolean {
  const { method, over = method === "model_stock" ? "all" : "each" } =
    typeof entry === "string" ? { method: entry } : entry;
  return over === "all";
}

/** Each value once, in their order. */
export function gridOf(entry: MethodEntry, { lambda }: Pick<ExperimentSettings, "lambda">): number[] {
  const own = typeof entry === "string" ? undefined : entry.lambda;
  return [...new Set([own ?? lambda].flat())].sort((a, b) => a - b);
}

/** What a table calls a merge. */
export function candidateOf(
  { method, parameters }: Pick<MergeSeries, "method" | "parameters">,
  lambda: number | undefined,
): Pick<Candidate, "method" | "lambda" | "parameters"> {
  return { method, ...(lambda !== undefined && { lambda }), ...(parameters && { parameters }) };
}

/** TIES and DELLA divide by the sum of the weights by default, and with it lambda out of a merge of one tuned model. */
function lambdaCounts(method: string): object | undefined {
  return METHODS[method as MethodName].taskArithmetic?.normalize ? { normalize: false } : undefined;
}

function recipeOf(method: string, aligned: string, tuned: readonly string[], parameters: object | undefined): Recipe {
  const models = tuned.map((model) => ({ model }));
  const own = parameters && Object.keys(parameters).length > 0 ? { parameters } : {};
  if (method === "linear") return { merge_method: method, models: [{ model: aligned }, ...models], ...own } as Recipe;
  const inputs = method === "slerp" ? [{ model: aligned }, ...models] : models;
  return { merge_method: method, base_model: aligned, models: inputs, ...own } as Recipe;
}

/** A model + adapter as a model of its own. */
export function wholeModel(model: string): Recipe {
  return { merge_method: "linear", models: [{ model, parameters: { weight: 1 } }] } as Recipe;
}
