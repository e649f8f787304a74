// Opens merges that are only measured, so that nothing of them is written.

import { openModel } from "../../generate/openModel.js";
import type { Model, ModelOptions } from "../../generate/types.js";
import { availableMemory } from "../../nn/memory/machineMemory.js";
import type { MethodName } from "../../recipe/methods.js";
import type { Recipe } from "../../recipe/types.js";

export interface VirtualMergeSource {
  readonly recipe: Recipe;
  /** The recipe as it is unless given. */
  readonly lambdas?: readonly number[] | undefined;
  /** In place of lambdas: recipes that differ from `recipe` in parameters alone. */
  readonly variants?: readonly Recipe[] | undefined;
  /** Of random masks. */
  readonly maskSeed: number;
}

/** What is open at once, of the source's lambdas or variants. */
export interface OpenMerge extends Pick<VirtualMergeSource, "lambdas" | "variants"> {
  readonly model: Model;
}

/** Methods whose result is a weighted sum of stored tensors: products are summed, and no weight is made. */
const SUMS: ReadonlySet<string> = new Set<MethodName>([
  "linear",
  "slerp",
  "nuslerp",
  "multislerp",
  "karcher",
  "model_stock",
  "task_arithmetic",
  "passthrough",
  "resta",
  "safe_lora",
  "safemerge",
  "lox",
  "lssf",
  "safe_delta",
]);

/** Of the free memory: what merges that are held may take. */
const HELD_SHARE = 0.25;

/**
 * Opens a merge so that all its lambdas, or variants, answer in one batch. Where the merge is no weighted sum of what is stored, with
 * `exact`, or with weights in blocks, its weights are made first and held in memory, for as many at once as there is room for, at least one.
 * @param bytes of one written merge
 */
export async function* openVirtual(
  { recipe, lambdas, variants, maskSeed }: VirtualMergeSource,
  bytes: number,
  options: Pick<ModelOptions, "precision" | "cache" | "threads" | "signal" | "weights">,
  exact: boolean,
): AsyncGenerator<OpenMerge, void, void> {
  const common = { ...options, engine: "native", seed: maskSeed } as const;
  if (!exact && options.weights === undefined && isSummed(recipe)) {
    const model = await openModel(recipe, { ...common, lambdas, variants, fidelity: "linear" });
    try {
      if (model.describe().tensors.every(({ how }) => how !== "made" && how !== "made in blocks")) {
        yield { model, lambdas, variants };
        return;
      }
    } finally {
      await model.close();
    }
  }
  const atOnce = Math.max(1, Math.floor((HELD_SHARE * availableMemory()) / Math.max(1, bytes)));
  // blocks are held anyway
  const held = { ...common, fidelity: "exact", hold: options.weights === undefined } as const;
  if (variants) {
    for (const some of chunks(variants, atOnce)) {
      const model = await openModel(recipe, { ...held, variants: some });
      yield* closing(model, { model, variants: some });
    }
    return;
  }
  for (const some of lambdas === undefined ? [undefined] : chunks(lambdas, atOnce)) {
    const model = await openModel(recipe, { ...held, lambdas: some });
    yield* closing(model, { model, lambdas: some });
  }
}

/** Whether a merge is a weighted sum of what is stored, by its method; adapters in bfloat16 may stand against it. */
export function isSummed(recipe: Recipe): boolean {
  const { merge_method: method } = recipe as { merge_method?: string };
  return method !== undefined && SUMS.has(method);
}

/** SLERP: share of the vectors that take the straight line; undefined for methods that take none. */
export function straightShareOf(model: Model): number | undefined {
  const sum = (key: "straight" | "vectors") =>
    model.describe().tensors.reduce((total, tensor) => total + (tensor[key] ?? 0), 0);
  const vectors = sum("vectors");
  return vectors === 0 ? undefined : sum("straight") / vectors;
}

async function* closing(model: Model, opened: OpenMerge): AsyncGenerator<OpenMerge, void, void> {
  try {
    yield opened;
  } finally {
    await model.close();
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
