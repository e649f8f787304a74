// `extract`: the difference of two models as an adapter of the first.

import { RetemperError } from "../errors.js";
import { parseModelReference } from "../recipe/modelReference.js";
import { merge } from "./merge.js";
import type { MergeOptions } from "./options.js";
import type { MergeReport } from "./report.js";

/** What of a merge's options says something about two models that stay as they are. */
export interface ExtractOptions
  extends Omit<
    MergeOptions,
    "format" | "seed" | "outShardSize" | "unsafeTruncateEmbeddings" | "loraMergeDtype" | "lambda" | "lenient"
  > {
  /** The highest rank of each product. Default 32; with `energy`, as high as that needs. */
  readonly rank?: number | undefined;
}

const USUAL_RANK = 32;

/**
 * Writes the difference of two models as a LoRA adapter of the first: for each matrix of a layer the nearest product of the
 * rank, one matrix at a time; embeddings, heads, norms and biases that differ are kept whole. With a rank as high as the
 * matrices', base + adapter is the second model.
 *
 * @param base a whole model
 * @param tuned a model of the same shapes, or base+adapter
 * @param out output folder; must be absent or empty, unless `options.force`
 * @returns the report of the merge that it is; `adapter` says what is kept of each tensor's change, and of all
 * @throws RetemperError as `merge` does; INCOMPATIBLE for models of other shapes; USAGE where no matrix differs
 * @example
 * ```ts
 * import { extract } from "retemper";
 *
 * const report = await extract("models/aligned", "models/aligned+models/adapter", "extracted", { rank: 4 });
 * console.log(report.adapter?.tensors.every(({ rank }) => rank === 4)); // true
 * console.log((report.adapter?.kept ?? 0) > 0.5); // true
 * ```
 */
export async function extract(
  base: string,
  tuned: string,
  out: string,
  options: ExtractOptions = {},
): Promise<MergeReport> {
  if (parseModelReference(base).lora) {
    throw new RetemperError("USAGE", `${base}: the base of an adapter is a whole model`, {
      hint: "merge it first, or extract from its own base",
    });
  }
  const { rank = options.energy === undefined ? USUAL_RANK : undefined } = options;
  const recipe = {
    merge_method: "task_arithmetic",
    base_model: base,
    models: [{ model: tuned, parameters: { weight: 1 } }],
  };
  return merge(recipe, out, { ...options, rank, format: "adapter" });
}
