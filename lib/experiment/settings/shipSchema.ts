// `ship` of an experiment: the forms in which the merge to ship is written, as they may be given.

import { z } from "zod";
import type { OutputFormat } from "../../merge/options.js";
import { GGUF_QUANTISATIONS, type GgufQuantisation } from "../../plan/gguf/quantise.js";

const TYPES = Object.keys(GGUF_QUANTISATIONS) as [GgufQuantisation, ...GgufQuantisation[]];
export const FORMATS = ["safetensors", "gguf", "fp8", "adapter"] as const satisfies readonly OutputFormat[];
export const DTYPES = ["float32", "float16", "bfloat16"] as const;

const form = z.strictObject({
  format: z.enum(FORMATS),
  quantise: z.enum(TYPES).optional().describe("Of gguf: the types of its tensors, as retemper merge --quantise."),
  dtype: z.enum(DTYPES).optional().describe("Of safetensors: by default the merge's own."),
  rank: z.int().positive().optional().describe("Of adapter: approximates changes by this rank at most."),
  test: z.boolean().optional().describe("Whether it is measured on the test data too; true by default."),
  allModels: z
    .boolean()
    .optional()
    .describe(
      "Whether the aligned and the fine-tuned models are measured on the test data in this form too, written for it and removed; false by default.",
    ),
  tolerance: z
    .number()
    .nonnegative()
    .optional()
    .describe("Nats a token (mean KL divergence) by which its answers may differ; by default by the number of bits."),
});

export type ShipEntry = z.output<typeof form>;

export const shipSchema = z
  .array(z.union([z.enum([...FORMATS, ...TYPES.map((type) => `gguf:${type}` as const)]), form]))
  .min(1)
  .describe(
    "Forms in which the merge to ship is written; each is compared with what was measured: gguf:q4_k_m, adapter, …",
  );
