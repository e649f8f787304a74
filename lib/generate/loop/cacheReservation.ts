// How much of the cache a job needs: the most that each of its sequences can come to hold is set aside when it begins, so
// that nothing in work ever runs out.

import type { CacheDemand } from "../../nn/memory/memoryBudget.js";
import type { GenerateWork, NextWork, PromptWork, ScoreWork } from "./job.js";

/** What a cache in pages copies of a beginning that it shares: the last page, which is partly filled. */
const PAGE = 64;

export class CacheReservation {
  readonly #forksShare: boolean;

  /** `forksShare`: whether the cache holds what forks have in common once. */
  constructor(forksShare: boolean) {
    this.#forksShare = forksShare;
  }

  /** Tokens for a prompt and one sample at a time. A fork may have to copy the prompt; the last sample takes the original. */
  first({ ids, samples, maxNewTokens }: PromptWork): number {
    const alone = ids.length + maxNewTokens;
    return samples.length > 1 ? alone + this.further({ ids, maxNewTokens: 0 }) : alone;
  }

  /** Tokens for each further sample of a prompt at the same time. */
  further({ ids, maxNewTokens }: Pick<PromptWork, "ids" | "maxNewTokens">): number {
    return (this.#forksShare ? Math.min(PAGE, ids.length) : ids.length) + maxNewTokens;
  }

  /** Tokens of a prompt of which so many samples run. */
  of(prompt: PromptWork, running: number): number {
    return this.first(prompt) + Math.max(0, running - 1) * this.further(prompt);
  }

  /** What a whole job needs. */
  ofJob({ kind, prompts, batch }: GenerateWork | ScoreWork | NextWork): CacheDemand {
    const needs: number[] = [];
    const owners: number[] = [];
    let newTokens = 0;
    for (const prompt of prompts) {
      prompt.samples.forEach((_, i) => {
        needs.push(i === 0 ? this.first(prompt) : this.further(prompt));
        owners.push(prompt.index);
      });
      newTokens = Math.max(newTokens, prompt.maxNewTokens);
    }
    const what = kind === "score" ? "input" : "prompt";
    return { batch, needs, newTokens, name: (at) => `${what} ${owners[at]}` };
  }
}
