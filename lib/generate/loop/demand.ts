// How much of the cache a job needs: the most that each of its sequences can come to hold is set aside when it begins, so
// that nothing in work ever runs out.

import type { CacheDemand } from "../memory/memoryBudget.js";
import type { GenerateWork, PromptWork, ScoreWork } from "./job.js";

/** Tokens for a prompt and one sample at a time. A fork may have to copy the prompt; the last sample takes the original. */
export function firstNeed({ ids, samples, maxNewTokens }: PromptWork): number {
  return (samples.length > 1 ? 2 : 1) * ids.length + maxNewTokens;
}

/** Tokens for each further sample of a prompt at the same time. */
export function eachNeed({ ids, maxNewTokens }: PromptWork): number {
  return ids.length + maxNewTokens;
}

/** What a whole job needs. */
export function demandOf({ kind, prompts, batch }: GenerateWork | ScoreWork): CacheDemand {
  const needs: number[] = [];
  const owners: number[] = [];
  let newTokens = 0;
  for (const prompt of prompts) {
    prompt.samples.forEach((_, i) => {
      needs.push(i === 0 ? firstNeed(prompt) : eachNeed(prompt));
      owners.push(prompt.index);
    });
    newTokens = Math.max(newTokens, prompt.maxNewTokens);
  }
  const what = kind === "score" ? "input" : "prompt";
  return { batch, needs, newTokens, name: (at) => `${what} ${owners[at]}` };
}
