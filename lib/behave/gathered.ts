// What a comparison found, before it is judged: the same of two models here and of servers.

import type { EngineFacts, Generation } from "../generate/types.js";
import type { Pair } from "./causes/findings.js";
import type { BehaviourReport, Cause } from "./types.js";

export interface Gathered
  extends Pick<BehaviourReport, "text" | "firstToken" | "sameTokens" | "logprobGap" | "answers" | "weights" | "notes"> {
  readonly causes: readonly Cause[];
  /** The greedy answers by prompt, for judges. */
  readonly told: Pair<readonly (Pick<Generation, "text" | "finish" | "ids"> | undefined)[]>;
  readonly engines: Pair<EngineFacts | undefined>;
}
