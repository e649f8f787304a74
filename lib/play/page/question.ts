// The fields of the page as a question.

import type { Signal } from "@preact/signals";
import type { PlayFacts } from "../types.js";
import type { Question } from "./asking.js";

/** As they are typed. */
export interface Fields {
  readonly prompt: Signal<string>;
  readonly system: Signal<string>;
  readonly settings: Readonly<Record<"maxNewTokens" | "temperature" | "seed", Signal<string>>>;
}

/** What is asked; in place of it a sentence that says why nothing can be. */
export function questionOf({ prompt, system, settings }: Fields, { chat, maxNewTokens: most }: PlayFacts) {
  if (prompt.value.trim() === "") return "There is no prompt yet: write one, then ask.";
  const numbers = {
    maxNewTokens: Number(settings.maxNewTokens.value),
    temperature: Number(settings.temperature.value),
    seed: Number(settings.seed.value),
  };
  if (!Number.isInteger(numbers.maxNewTokens) || numbers.maxNewTokens < 1 || numbers.maxNewTokens > most) {
    return `“Tokens at most” must be a whole number from 1 to ${most}.`;
  }
  const before = system.value.trim() === "" ? [] : [{ role: "system", content: system.value }];
  const text = chat ? { messages: [...before, { role: "user", content: prompt.value }] } : { prompt: prompt.value };
  const question: Question = { ...text, ...numbers, asked: JSON.stringify([text, numbers]) };
  return question;
}
