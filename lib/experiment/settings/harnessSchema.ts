// What an experiment may say of how tasks of lm-evaluation-harness, and BIG-Bench Hard as it asks it, are asked.

import { z } from "zod";

export const bbhSchema = z
  .strictObject({
    version: z.literal([3, 4]).optional().describe("Of lm-evaluation-harness's task; 4 by default."),
    chat: z.boolean().optional().describe("Asks in the model's chat template instead of plain text."),
  })
  .describe("How BIG-Bench Hard is asked.");

export const lmEvalSchema = z
  .strictObject({
    fewshot: z
      .int()
      .nonnegative()
      .optional()
      .describe(
        "Examples before each question, where a task does not say that it has none; its own number by default.",
      ),
    fewshotSeed: z.int().nonnegative().optional().describe("Of the draws of these examples; 1234 by default."),
  })
  .describe("How tasks of lm-evaluation-harness are asked.");
