// What an experiment may say of its merges: a grid of lambdas, methods and controls.

import { z } from "zod";
import { METHOD_NAMES } from "../../recipe/methods.js";
import { CONTROL_KINDS } from "./controlKinds.js";

export const gridSchema = z
  .union([z.number(), z.array(z.number()).min(1)])
  .describe("Weights of the fine-tuned model, from 0 to 1; others need extrapolate: true.");

export const methodSchema = z.strictObject({
  method: z.enum(METHOD_NAMES),
  lambda: gridSchema.optional(),
  parameters: z
    .record(z.string(), z.union([z.number(), z.string(), z.boolean()]))
    .optional()
    .describe("The method's own parameters, such as density."),
  vary: z
    .record(z.string(), z.array(z.number()).min(1))
    .optional()
    .describe(
      "One parameter in place of lambda, with its values: { gamma: [0.1, 0.3, 0.5] }; of methods that declare its safe end. lambda is then one number.",
    ),
  masks: z
    .int()
    .positive()
    .optional()
    .describe(
      "Of methods that draw masks (DARE, DELLA, resta with a density below 1): so many draws for each tuning; 1 by default.",
    ),
  over: z
    .enum(["each", "all"])
    .optional()
    .describe(
      "One merge for each tuned model, or one of all of them (the default of model_stock); then without lambda.",
    ),
});

export const controlSchema = z.strictObject({
  control: z.enum(CONTROL_KINDS),
  lambda: gridSchema.optional().describe("Of random and shuffled changes; the methods' own by default."),
  values: z
    .array(z.number())
    .min(1)
    .optional()
    .describe("Of lower_rank the ranks; of weight_decay, dropout and learning_rate the tunings' options."),
});
