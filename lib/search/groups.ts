// The coordinates of a search: groups of tensors that share a coefficient, and the recipe that a point stands for.

import { layerOf, mainStack } from "../checkpoint/families.js";
import { RetemperError } from "../errors.js";
import type { Recipe } from "../recipe/types.js";

export interface Grouping {
  /** Consecutive layers are put together to so many groups, whose sizes differ by one at most; each layer alone where there are fewer. */
  readonly layers: number;
  /** "kinds": attention and MLP of a group of layers have a coefficient each; "layers": one for both; "tensors": each matrix has its own. */
  readonly by: "kinds" | "layers" | "tensors";
  /**
   * Whether what is in no layer (embeddings, head, last norm) has a coefficient of its own; else it gets the mean of all,
   * which is for tensors that no tuning changed.
   */
  readonly outside: boolean;
}

/** Tensors that share a coefficient. */
export interface TensorGroup {
  /** For people: "layers 0-1 mlp". */
  readonly name: string;
  /** What the names of its tensors hold, as mergekit's filters look for it; of the group of all else none. */
  readonly filters: readonly string[];
  /** Its place in a picture of layers and modules: "mlp", "attention", "layer" for both; by tensors the name in the layer. */
  readonly layers?: readonly number[] | undefined;
  readonly module?: string | undefined;
}

/** A tensor of the MLP, by what follows its layer's number. */
const MLP = /^(mlp|feed_forward|block_sparse_moe|moe|ffn)\./;

/**
 * The groups of a model, those with the longest filters first: a filter is looked for anywhere in a name, and the first that is found
 * counts.
 * @param tensors names and shapes of the aligned model's
 * @throws RetemperError INCOMPATIBLE for a model without layers
 */
export function groupsOf(
  tensors: Iterable<{ readonly name: string; readonly shape: readonly number[] }>,
  { layers: count, by, outside }: Grouping,
): TensorGroup[] {
  const all = [...tensors];
  const stack = mainStack(all.map(({ name }) => name));
  if (!stack) throw new RetemperError("INCOMPATIBLE", "the model has no layers, of which a search could make groups");
  const { prefix, layers } = stack;
  const rest: TensorGroup[] = outside ? [{ name: "all else", filters: [] }] : [];
  if (by === "tensors") {
    const own = all.flatMap(({ name, shape }): TensorGroup[] => {
      const layer = layerOf(name);
      if (shape.length < 2 || layer?.prefix !== prefix) return [];
      return [{ name, filters: [name], layers: [layer.index], module: layer.suffix.replace(/\.weight$/, "") }];
    });
    // what a name begins with must not hide it
    own.sort(({ name: a }, { name: b }) => b.length - a.length || (a < b ? -1 : 1));
    return [...own, ...rest];
  }
  const most = Math.min(Math.max(1, count), layers);
  const parts = Array.from({ length: most }, (_, part) => {
    const [from, to] = [part, part + 1].map((at) => Math.floor((at * layers) / most)) as [number, number];
    return Array.from({ length: to - from }, (_unused, at) => from + at);
  });
  const named = (own: readonly number[]) =>
    own.length === 1 ? `layer ${own[0]}` : `layers ${own[0]}-${own[own.length - 1]}`;
  const whole = parts.map(
    (own): TensorGroup => ({
      ...{ name: named(own), filters: own.map((at) => `${prefix}${at}.`) },
      ...{ layers: own, module: "layer" },
    }),
  );
  if (by === "layers") return [...whole, ...rest];
  const mlps = parts.map((own): TensorGroup => {
    const begins = new Set(
      all.flatMap(({ name }) => {
        const layer = layerOf(name);
        if (layer?.prefix !== prefix || !own.includes(layer.index)) return [];
        const found = MLP.exec(layer.suffix);
        return found ? [`${prefix}${layer.index}.${found[0]}`] : [];
      }),
    );
    return { name: `${named(own)} mlp`, filters: [...begins].sort(), layers: own, module: "mlp" };
  });
  if (mlps.some(({ filters }) => filters.length === 0)) return [...whole, ...rest];
  return [...mlps, ...whole.map((one) => ({ ...one, name: `${one.name} attention`, module: "attention" })), ...rest];
}

/** Which group each tensor is of: the first whose filter its name holds, else the one of all else; -1 where there is none. */
export function groupPlaces(groups: readonly TensorGroup[], names: readonly string[]): ReadonlyMap<string, number> {
  const rest = groups.findIndex(({ filters }) => filters.length === 0);
  return new Map(
    names.map((name) => {
      const own = groups.findIndex(({ filters }) => filters.some((filter) => name.includes(filter)));
      return [name, own < 0 ? rest : own];
    }),
  );
}

/** Digits of a coefficient in a recipe: more would make no other model, and none that a person can read. */
const DIGITS = 4;

/** Coefficients as a recipe has them. */
export function rounded(coefficients: readonly number[]): number[] {
  return coefficients.map((value) => Number(value.toFixed(DIGITS)) + 0);
}

export interface SearchedModels {
  readonly aligned: string;
  /** The fine-tuned model: whole, or the aligned one + adapter. */
  readonly tuned: string;
}

/**
 * aligned + c (tuned - aligned) with a coefficient for each group: a task_arithmetic whose weight has a filter for each name, in
 * mergekit's grammar.
 * @param coefficients rounded; one a group
 */
export function recipeAt(
  { aligned, tuned }: SearchedModels,
  groups: readonly TensorGroup[],
  coefficients: readonly number[],
): Recipe {
  const entries = groups.flatMap(({ filters }, at) =>
    filters.map((filter) => ({ filter, value: coefficients[at] as number })),
  );
  const last = groups.findIndex(({ filters }) => filters.length === 0);
  const mean = coefficients.reduce((sum, one) => sum + one, 0) / Math.max(1, coefficients.length);
  const value = last < 0 ? (rounded([mean])[0] as number) : (coefficients[last] as number);
  const same = entries.every((entry) => entry.value === value);
  const weight = same ? value : [...entries, { value }];
  return {
    merge_method: "task_arithmetic",
    base_model: aligned,
    models: [{ model: tuned, parameters: { weight } }],
  } as Recipe;
}
