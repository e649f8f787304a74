// What an experiment may say of how the merge to ship is chosen.

import { z } from "zod";

export const selectSchema = z.strictObject({
  rule: z.enum(["score", "constrained", "knee"]).default("constrained"),
  margin: z.number().min(0).max(1).optional().describe("How far above the aligned model's rate; 0.05 by default."),
  by: z
    .enum(["upper", "point"])
    .optional()
    .describe("The upper bound of the paired difference to the aligned model (upper), or the difference as measured."),
  level: z.number().gt(0.5).lt(1).optional().describe("Confidence of the one-sided bounds; 0.95 by default."),
  minGain: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Share of the fine-tuned model's gain that a choice keeps; of constrained 0.5 by default."),
  corrected: z
    .boolean()
    .optional()
    .describe("Whether the difference to the aligned model is corrected for the judge's errors (safety.calibration)."),
  keep: z
    .union([z.number().gt(0).max(1), z.record(z.string(), z.number().gt(0).max(1))])
    .optional()
    .describe("Share of the aligned model's score that a choice keeps: of every skill, or of each by its name."),
  overRefusal: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("How far over-refusal may be above the aligned model's, by a bound."),
  everySeed: z
    .boolean()
    .optional()
    .describe(
      "Whether each tuning's own bounds must hold: within the margin, and of keep, overRefusal and the gate but for scores.",
    ),
  gate: z.string().optional().describe("A condition such as asr <= aligned + 0.02; exit code 10 where none passes."),
});
