// The options with their defaults, checked.

import { RetemperError } from "../errors.js";
import type { NamedPrompt } from "../generate/answers/answerLine.js";
import { BUILT_IN_PROMPTS } from "./prompts.js";
import type { BehaviourOptions } from "./types.js";

export interface Plan extends BehaviourOptions {
  readonly prompts: readonly NamedPrompt[];
  readonly maxNewTokens: number;
  readonly tolerance: number;
}

/** @throws RetemperError USAGE */
export function planOf(options: BehaviourOptions): Plan {
  const { prompts = BUILT_IN_PROMPTS, maxNewTokens = 32, tolerance = 0.001 } = options;
  if (!Array.isArray(prompts) || prompts.length === 0) {
    throw new RetemperError("USAGE", "prompts must be a list that is not empty", {
      hint: 'each is {"prompt": a text, ids or a conversation}',
    });
  }
  if (!Number.isSafeInteger(maxNewTokens) || maxNewTokens < 1) {
    throw new RetemperError("USAGE", `maxNewTokens must be a whole number of at least 1, not ${String(maxNewTokens)}`);
  }
  if (!Number.isFinite(tolerance) || tolerance < 0) {
    throw new RetemperError("USAGE", `tolerance must be a number of nats, 0 or more, not ${String(tolerance)}`);
  }
  return { ...options, prompts, maxNewTokens, tolerance };
}
