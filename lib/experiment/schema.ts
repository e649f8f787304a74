// experiment.yml: what may stand in it, by one schema that also makes the JSON Schema for editors.

import { z } from "zod";
import { METHOD_NAMES } from "../recipe/methods.js";

const grid = z
  .union([z.number(), z.array(z.number()).min(1)])
  .describe("Weights of the fine-tuned model, from 0 to 1; others need extrapolate: true.");

const method = z.strictObject({
  method: z.enum(METHOD_NAMES),
  lambda: grid.optional(),
  parameters: z
    .record(z.string(), z.union([z.number(), z.string(), z.boolean()]))
    .optional()
    .describe("The method's own parameters, such as density."),
  over: z
    .enum(["each", "all"])
    .optional()
    .describe(
      "One merge for each tuned model, or one of all of them (the default of model_stock); then without lambda.",
    ),
});

const judge = z
  .union([
    z.string(),
    z.strictObject({
      keyword: z.union([z.string(), z.array(z.string()).min(1)]),
      ignoreCase: z.boolean().optional(),
      name: z.string().optional(),
    }),
    z.strictObject({ wildguard: z.string(), name: z.string().optional() }),
    z.strictObject({ classifier: z.string(), name: z.string().optional() }),
  ])
  .describe("keyword, keyword:qi, wildguard, wildguard:MODEL, or an object; the first judge decides.");

const positive = z.int().positive();

export const experimentSchema = z.strictObject({
  name: z.string().min(1).default("experiment"),
  aligned: z.string().min(1).describe("The aligned model: a folder or a hub name in the local cache."),
  tuned: z
    .array(
      z.strictObject({
        seed: z.union([z.int(), z.string()]),
        model: z.string().optional().describe("A whole model, or base+adapter."),
        adapter: z.string().optional().describe("A LoRA adapter of the aligned model."),
      }),
    )
    .min(1)
    .optional(),
  tune: z
    .strictObject({
      data: z.string(),
      seeds: z.array(z.int().nonnegative()).min(1).default([42, 1024, 48763]),
      options: z
        .record(z.string(), z.unknown())
        .optional()
        .describe("Options of tune(): learningRate, epochs, rank, …"),
    })
    .optional(),
  methods: z.array(z.union([z.enum(METHOD_NAMES), method])).min(1),
  lambda: grid.default([0.2, 0.4, 0.6, 0.8]).describe("The grid of methods without one of their own."),
  extrapolate: z.boolean().default(false),
  safety: z.strictObject({
    sets: z
      .array(z.string())
      .min(1)
      .describe("As retemper evaluate --suite: safety:FILE, advbench, over-refusal:FILE, …"),
    test: z.array(z.string()).min(1).optional().describe("Other sets for the final test; the same ones unless told."),
    judges: z.array(judge).min(1).default(["keyword"]),
    label: z.string().optional().describe("What the rate is called in the report."),
  }),
  task: z.strictObject({
    validation: z.array(z.string()).min(1),
    test: z.array(z.string()).min(1),
    label: z.string().optional(),
  }),
  decoding: z
    .strictObject({ maxNewTokens: positive.optional(), repetitionPenalty: z.number().positive().optional() })
    .optional(),
  limit: positive.optional().describe("Items of each set at most."),
  engine: z
    .strictObject({
      engine: z.enum(["auto", "native", "tensorflow", "reference"]).optional(),
      precision: z.enum(["float32", "bfloat16"]).optional(),
      threads: positive.optional(),
    })
    .optional(),
  select: z
    .strictObject({
      rule: z.enum(["score", "constrained", "knee"]).default("constrained"),
      margin: z.number().min(0).max(1).optional(),
      by: z.enum(["upper", "point"]).optional(),
      gate: z.string().optional(),
    })
    .default({ rule: "constrained" }),
});

/** What experiment.yml holds. */
export type Experiment = z.input<typeof experimentSchema>;
export type ExperimentSettings = z.output<typeof experimentSchema>;

/** JSON Schema of experiment.yml, for editors. */
export function experimentJsonSchema(): object {
  return z.toJSONSchema(experimentSchema, { io: "input" });
}
