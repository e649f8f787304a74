// The options of generation that a server has defaults of.

import type { GenerateOptions } from "../generate/types.js";

/** How answers are made where a request does not say. */
export type ServeDefaults = Pick<
  GenerateOptions,
  "maxNewTokens" | "temperature" | "topK" | "topP" | "repetitionPenalty"
>;
