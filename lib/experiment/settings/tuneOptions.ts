// What experiment.yml may say of its tunings: the options of tune() but for those of one call. Ranges are tune()'s own and
// checked with the model, before anything starts.

import { z } from "zod";
import type { TuneOptions } from "../../tune/types.js";

/** Of one call, and what the run decides itself: the seed, and by its own `engine` what computes. */
type NotInFiles =
  | ("seed" | "engine" | "threads" | "requireGpu")
  | ("force" | "resume" | "signal" | "hub" | "onProgress" | "onStopped");

export const tuneOptionsSchema = z.strictObject({
  preset: z
    .literal("paper")
    .optional()
    .describe("The settings of arXiv:2412.19512; what else is given comes before it."),
  task: z.enum(["reasoning", "code", "medical", "tools"]).optional().describe("The paper's task, with preset."),
  rank: z.number().optional(),
  alpha: z.number().optional().describe("Terms are multiplied by alpha / rank, or alpha / sqrt(rank) with rslora."),
  dropout: z.number().optional(),
  targetModules: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe("Names of modules, a regular expression for whole names, or all-linear."),
  rslora: z.boolean().optional(),
  dora: z.boolean().optional(),
  learningRate: z.number().optional(),
  betas: z.tuple([z.number(), z.number()]).optional(),
  epsilon: z.number().optional(),
  weightDecay: z.number().optional(),
  schedule: z.enum(["cosine", "linear", "constant"]).optional(),
  warmupRatio: z.number().optional(),
  maxGradNorm: z.number().optional(),
  batchSize: z.number().optional().describe("Rows of a micro-batch."),
  accumulate: z.number().optional().describe("Micro-batches of a step."),
  epochs: z.number().optional(),
  maxSteps: z.number().optional().describe("Steps instead of epochs: the schedule spans them."),
  stopAfter: z.number().optional().describe("Ends after this many steps of a schedule that spans all of them."),
  shuffle: z.boolean().optional(),
  groupByLength: z.boolean().optional(),
  validation: z.number().optional().describe("Share of the rows that is held out."),
  initFrom: z.string().optional().describe("An adapter's folder or file to begin with."),
  cutoff: z.number().optional().describe("Tokens of a row at most."),
  paperExact: z
    .boolean()
    .optional()
    .describe("Cuts long rows as LLaMA-Factory does: prompt and answer share the cutoff by their lengths."),
  system: z.string().optional().describe("Put before rows that have no system message of their own."),
  saveSteps: z.number().optional(),
  precision: z.enum(["float32", "bfloat16"]).optional(),
  keepActivations: z.boolean().optional(),
}) satisfies z.ZodType<Omit<TuneOptions, NotInFiles>>;

/** Fails to compile where tune() has an option that the schema lacks. */
const complete: Record<Exclude<keyof TuneOptions, NotInFiles>, unknown> = tuneOptionsSchema.shape;
void complete;
