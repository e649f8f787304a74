// The shape of a recipe: which keys stand where, and of what kind their values are. What the values mean is checked
// by the readers of this folder; this file knows no methods and no models.

import { z } from "zod";
import type { Path } from "./located.js";
import type { Problems } from "./problems.js";
import { schemaFaults } from "./schemaFaults.js";
import { valueAt } from "./valueAt.js";

const mapping = z.record(z.string(), z.unknown());
/** Judged by the reader that knows its meaning. */
const anything = z.unknown().optional();
const present = z.unknown().refine((value) => value !== undefined && value !== null, { error: "missing value" });

/** `.yaml` writers leave null where nothing was said; null is absence everywhere. */
const parameters = mapping.nullish();

const modelEntry = z.strictObject({ model: present, parameters });
const sourceEntry = z.strictObject({ model: present, layer_range: present, parameters });
const slice = z.strictObject({
  sources: z.array(sourceEntry).min(1),
  base_model: anything,
  // An old key that older recipes carry; it never had an effect on the methods of today.
  residual_weight: anything,
  parameters,
});
const models = z.array(modelEntry).nullish();
const slices = z.array(slice).nullish();

const tokenizer = z.strictObject({
  source: anything,
  tokens: z.record(z.string(), z.strictObject({ source: anything, force: anything })).nullish(),
  pad_to_multiple_of: anything,
});

const recipe = z.strictObject({
  merge_method: z.string(),
  base_model: anything,
  unaligned_model: anything,
  safe_model: anything,
  models,
  slices,
  modules: z.record(z.string(), z.strictObject({ models, slices, parameters })).nullish(),
  parameters,
  dtype: z.string().nullish(),
  out_dtype: z.string().nullish(),
  tokenizer_source: anything,
  tokenizer: tokenizer.nullish(),
  chat_template: z.string().nullish(),
});

export type RecipeShape = z.infer<typeof recipe>;
export type SliceShape = z.infer<typeof slice>;
export type ModelsShape = z.infer<typeof modelEntry>[];
/** A recipe, or one of its modules: where models or slices of them are listed. */
export type LayoutShape = Pick<RecipeShape, "models" | "slices" | "parameters">;
export type TokenizerShape = z.infer<typeof tokenizer>;

/** Keys that users of other tools write, with what to write instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  filter: "a filter belongs to a parameter: `weight: [{filter: …, value: …}]`",
  weight: "write it under `parameters`",
  density: "write it under `parameters`",
  t: "write it under `parameters`",
  threshold: "write it under `parameters`",
};

/**
 * Checks the shape and reports every issue at its place. Unknown keys are left out of the result, so that the rest is
 * still judged; `lenient` leaves them out silently.
 *
 * @returns undefined if there were other issues
 */
export function checkShape(value: unknown, problems: Problems, lenient: boolean): RecipeShape | undefined {
  const kept = structuredClone(value);
  const unknown = schemaFaults(recipe, value, ELSEWHERE).filter(({ kind }) => kind === "unknown");
  for (const { path, message, hint } of unknown) {
    if (!lenient) problems.add(path, message, hint, "key");
    dropKey(kept, path);
  }
  const result = recipe.safeParse(kept);
  if (result.success) return result.data;
  for (const { path, message, hint } of schemaFaults(recipe, kept)) problems.add(path, message, hint);
  return undefined;
}

function dropKey(root: unknown, path: Path): void {
  const owner = valueAt(root, path.slice(0, -1));
  const key = path.at(-1);
  if (typeof owner === "object" && owner !== null && key !== undefined) Reflect.deleteProperty(owner, key);
}
