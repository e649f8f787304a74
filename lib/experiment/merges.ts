// The merges that an experiment asks for, as recipes.

import type { Recipe } from "../recipe/types.js";
import type { ExperimentSettings } from "./schema.js";

export interface TunedModel {
  readonly seed: string;
  /** A model, or the aligned one + adapter. */
  readonly model: string;
}

/** One merge of a table: for all seeds. */
export interface MergePoint {
  readonly method: string;
  readonly lambda?: number | undefined;
  readonly parameters?: Readonly<Record<string, number | string | boolean>> | undefined;
  /** One for each seed, or one of all. */
  readonly merges: readonly {
    readonly seed?: string | undefined;
    readonly recipe: Recipe;
    readonly maskSeed: number;
  }[];
}

export function mergePoints(settings: ExperimentSettings, tuned: readonly TunedModel[]): MergePoint[] {
  return settings.methods.flatMap((entry): MergePoint[] => {
    const one = typeof entry === "string" ? { method: entry } : entry;
    const {
      method,
      parameters,
      lambda,
      over = method === "model_stock" ? "all" : "each",
    } = one as Exclude<typeof entry, string>;
    if (over === "all") {
      const recipe = recipeOf(
        method,
        settings.aligned,
        tuned.map(({ model }) => model),
        parameters,
      );
      return [{ method, parameters, merges: [{ recipe, maskSeed: 0 }] }];
    }
    const grid = [lambda ?? settings.lambda].flat();
    return grid.map((value) => ({
      method,
      lambda: value,
      parameters,
      merges: tuned.map(({ seed, model }) => ({
        seed,
        recipe: recipeOf(method, settings.aligned, [model], parameters),
        maskSeed: /^\d{1,9}$/.test(seed) ? Number(seed) : 0,
      })),
    }));
  });
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
