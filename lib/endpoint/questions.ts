// Which requests answer a call to `generate`.

import { RetemperError } from "../errors.js";
import type { GenerateSettings } from "../generate/settings.js";
import type { ChatMessage, GenerateOptions, Prompt, TokenName } from "../generate/types.js";
import type { Asked } from "./requestBody.js";

/** A question, and the samples that its answer stands for where they would all be the same; none: those that it asks for. */
export interface Question {
  readonly asked: Asked;
  readonly copies: readonly number[];
}

/**
 * One question for samples that follow each other; without draws, one for all samples of a prompt.
 * @throws RetemperError USAGE for what is no prompt.
 */
export function questionsOf(
  prompts: readonly Prompt[],
  { n, temperature }: GenerateSettings,
  { skip, draws }: Pick<GenerateOptions, "skip" | "draws">,
): Question[] {
  if (!Array.isArray(prompts)) throw new RetemperError("USAGE", "generate takes a list of prompts");
  return (prompts as readonly Prompt[]).flatMap((prompt, index): Question[] => {
    checkPrompt(prompt, index);
    const samples = Array.from({ length: n }, (_, sample) => sample);
    const wanted = skip ? samples.filter((sample) => !skip({ index, sample })) : samples;
    const [first] = wanted;
    if (first === undefined) return [];
    const draw = draws?.[index];
    if (temperature === 0) return [{ asked: { index, draw, prompt, first, count: 1 }, copies: wanted }];
    const questions: Question[] = [];
    for (const sample of wanted) {
      const last = questions.at(-1)?.asked;
      if (last !== undefined && last.first + last.count === sample) {
        questions[questions.length - 1] = { asked: { ...last, count: last.count + 1 }, copies: [] };
      } else {
        questions.push({ asked: { index, draw, prompt, first: sample, count: 1 }, copies: [] });
      }
    }
    return questions;
  });
}

/**
 * What is asked for the next token's probabilities.
 * @throws RetemperError USAGE for what is no prompt, and for "all" tokens, which no server tells
 */
export function nextQuestions(
  prompts: readonly Prompt[],
  tokens: readonly (readonly TokenName[])[] | "all",
): { readonly prompt: Prompt; readonly names: readonly TokenName[] }[] {
  if (!Array.isArray(prompts)) throw new RetemperError("USAGE", "nextLogprobs takes a list of prompts");
  if (tokens === "all" || !Array.isArray(tokens) || tokens.length !== prompts.length) {
    throw new RetemperError(
      "USAGE",
      `an endpoint tells the tokens that are named: a list for each of ${prompts.length} prompts`,
    );
  }
  return prompts.map((prompt, index) => {
    checkPrompt(prompt, index);
    return { prompt, names: tokens[index] as readonly TokenName[] };
  });
}

function checkPrompt(prompt: Prompt, index: number): void {
  const isText = (value: unknown): boolean => typeof value === "string";
  const isId = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  const list: readonly unknown[] = Array.isArray(prompt) ? prompt : [];
  const isMessage = (value: unknown): boolean =>
    typeof value === "object" &&
    value !== null &&
    isText((value as ChatMessage).role) &&
    isText((value as ChatMessage).content);
  const good = isText(prompt) || (list.length > 0 && (list.every(isId) || list.every(isMessage)));
  if (good) return;
  throw new RetemperError("USAGE", `prompt ${index} is no prompt`, {
    hint: "expected a text, a list of token ids, or a list of messages with role and content; none of the lists empty",
  });
}
