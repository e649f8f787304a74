// What the page may be told.

import type { Judge } from "../evaluate/types.js";
import type { Recipe } from "../recipe/types.js";
import type { PlayResults } from "./types.js";

export interface PlayOptions {
  /** Prompts to flip through. */
  readonly prompts?: readonly string[] | undefined;
  /** Says what answers are: `keywordJudge()` by default. */
  readonly judge?: Judge | undefined;
  /** What refusals begin with, beside the phrases that the keyword judge knows. */
  readonly refusals?: readonly string[] | undefined;
  /** A set that "measure this prompt" adds to: a file of JSON lines, which need not be there yet. */
  readonly set?: string | undefined;
  /** What the model was opened from: where that is a recipe, the page gives it at the lambda that is shown. */
  readonly source?: string | Recipe | undefined;
  /** What an experiment measured. */
  readonly results?: PlayResults | undefined;
}
