// What an experiment may say of a judge of its answers.

import { z } from "zod";
import { weightsSchema } from "./weightsSchema.js";

const weights = weightsSchema
  .optional()
  .describe(
    "q8_0, q4_k_m, …: the judge's weights are put into these blocks; asStored: it is a GGUF file, and multiplied by its stored blocks.",
  );

export const judgeSchema = z
  .union([
    z.string(),
    z.strictObject({
      keyword: z.union([z.string(), z.array(z.string()).min(1)]),
      ignoreCase: z.boolean().optional(),
      name: z.string().optional(),
    }),
    z.strictObject({ wildguard: z.string(), name: z.string().optional(), weights }),
    z.strictObject({
      judge: z.string().describe("A judge that is a language model: NAME or NAME:MODEL."),
      name: z.string().optional(),
      by: z.enum(["probabilities", "answers"]).optional(),
      threshold: z.number().positive().max(1).optional(),
      weights,
    }),
    z.strictObject({ classifier: z.string(), name: z.string().optional() }),
  ])
  .describe(
    "keyword, keyword:gcg, keyword:qi, a judge that is a language model (NAME or NAME:MODEL), or an object; the first decides.",
  );
