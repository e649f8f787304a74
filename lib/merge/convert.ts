// `convert`: one model in another format or dtype. A merge of a single model, with all of a merge's guarantees.

import type { FloatDtypeName } from "../recipe/types.js";
import { merge } from "./merge.js";
import type { MergeOptions } from "./options.js";
import type { MergeReport } from "./report.js";

/** A conversion takes a merge's options, apart from those of recipes. */
export interface ConvertOptions
  extends Omit<
    MergeOptions,
    "lambda" | "format" | "rank" | "energy" | "seed" | "lenient" | "models" | "unsafeTruncateEmbeddings"
  > {
  /** Dtype of safetensors, and of what FP8 rounds; default: as it is. GGUF's types are `quantise`'s. */
  readonly dtype?: FloatDtypeName | undefined;
  readonly format?: "safetensors" | "gguf" | "fp8" | undefined;
}

/**
 * Writes one model in another format or dtype. The output folder appears complete and durable, or not at all.
 *
 * @param model folder, hub id, or model + adapter, as a recipe names it
 * @param out output folder; must be absent or empty, unless `options.force`
 * @throws RetemperError as `merge` does; INCOMPATIBLE for a model that the format does not have
 * @example
 * ```ts
 * import { convert } from "retemper";
 *
 * const { files } = await convert("models/aligned", "gguf", { format: "gguf", quantise: "q8_0" });
 * console.log(files.some(({ path }) => path === "model-Q8_0.gguf")); // true
 * ```
 */
export async function convert(model: string, out: string, options: ConvertOptions = {}): Promise<MergeReport> {
  const { dtype, ...rest } = options;
  return merge(
    { merge_method: "passthrough", models: [{ model }], ...(dtype !== undefined && { out_dtype: dtype }) },
    out,
    rest,
  );
}
