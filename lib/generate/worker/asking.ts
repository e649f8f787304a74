// What a call that gives answers asks of its model's thread.

import { RetemperError } from "../../errors.js";
import type { AskedPrompt } from "../loop/preparePrompts.js";
import type { GenerateOptions, GenerateProgress, Prompt, WhichVariant } from "../types.js";
import type { ThreadEvent } from "./messages.js";
import type { Request } from "./modelThread.js";

/** A variant by its number, and how answers say that they are its own. */
export interface AskedVariant {
  readonly variant: number;
  readonly whose: WhichVariant;
}

export type Hear = (event: Exclude<ThreadEvent, { type: "end" }>) => void;

/** What is asked of the thread, and what becomes of what it tells. */
export interface Asking {
  readonly request: Request;
  readonly hear: Hear;
}

/** Tells the caller how far a call is. */
export function progressOf({ onProgress }: Pick<GenerateOptions, "onProgress">, asked: readonly AskedPrompt[]): Hear {
  const total = asked.reduce((count, { samples }) => count + samples.length, 0);
  let progress: GenerateProgress = { done: 0, total, promptTokens: 0, newTokens: 0 };
  const move = (change: Partial<GenerateProgress>) => {
    progress = { ...progress, ...change };
    onProgress?.(progress);
  };
  return (event) => {
    if (event.type === "answer" || event.type === "next") move({ done: progress.done + 1 });
    else if (event.type === "counts") move({ promptTokens: event.promptTokens, newTokens: event.newTokens });
  };
}

/** The prompts with the samples that are to be made of each. */
export function askedPrompts(
  prompts: readonly Prompt[],
  {
    n,
    skip,
    draws,
    variants,
  }: {
    readonly n: number;
    readonly skip: GenerateOptions["skip"];
    readonly draws: GenerateOptions["draws"];
    readonly variants: readonly AskedVariant[];
  },
): AskedPrompt[] {
  if (!Array.isArray(prompts)) throw new RetemperError("USAGE", "generate takes a list of prompts");
  const all = Array.from({ length: n }, (_, sample) => sample);
  return prompts.flatMap((prompt: Prompt, index) =>
    variants.flatMap(({ variant, whose }) => {
      const of = { index, ...whose };
      const samples = skip ? all.filter((sample) => !skip({ ...of, sample })) : all;
      return samples.length > 0 ? [{ index, draw: draws?.[index], prompt, samples, variant, whose }] : [];
    }),
  );
}
