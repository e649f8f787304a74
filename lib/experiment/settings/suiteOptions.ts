// What an experiment says of how its sets are asked, as evaluations take it.

import type { EvaluateOptions } from "../../evaluate/run/evaluateOptions.js";
import type { BertScoreSettings } from "../../evaluate/tasks/context.js";
import type { ExperimentSettings } from "./schema.js";

export function suiteOptions(
  { limit, decoding, system, data, bbh, lmEval, paperExact, allowCodeExecution, safety }: ExperimentSettings,
  bertScore: BertScoreSettings | undefined,
): EvaluateOptions {
  const code = { allowCodeExecution: allowCodeExecution === true };
  return { limit, decoding, system, data, bbh, lmEval, paperExact, code, bertScore, opener: safety.openers };
}
