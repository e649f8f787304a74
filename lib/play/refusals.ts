// How probable a refusal is at each of many lambdas, from its first tokens alone: nothing is generated.
//
// An answer begins with a phrase where its first tokens are those of the phrase. No beginning that is asked about is the beginning
// of another, so that no answer has two of them, and the probabilities add up:
//   P(refusal) = sum over beginnings b of exp(sum over i of log p(b_i | prompt, b_1 ... b_(i-1)))
// It is a lower bound of the probability of a refusal: other words refuse too, and the same words may be other tokens.

import { REFUSAL_BEGINNINGS } from "../evaluate/judges/refusals.js";
import { idsOf } from "../generate/loop/preparePrompts.js";
import type { ChatMessage, Model, Prompt, Tokenizer } from "../generate/types.js";
import { ApiError } from "../serve/apiError.js";
import type { Refusals } from "./types.js";

/** What refusals begin with, with straight and with curly apostrophes. */
export function refusalPhrases(own: readonly string[] = []): readonly string[] {
  const all = [...REFUSAL_BEGINNINGS, ...own.map((phrase) => phrase.trim()).filter((phrase) => phrase !== "")];
  return [...new Set(all.flatMap((phrase) => [phrase, phrase.replaceAll("'", "\u2019")]))];
}

/** @throws ApiError 400 where no phrase can follow the prompt, and where the model gives no numbers; RetemperError for prompts and lambdas that the model refuses */
export async function refusalsAt(
  model: Model,
  prompt: Prompt,
  lambdas: readonly number[],
  phrases: readonly string[],
  signal: AbortSignal,
): Promise<Refusals> {
  const { ids, beginnings } = beginningsAfter(prompt, phrases, model);
  const inputs = lambdas.flatMap((lambda) =>
    beginnings.map((beginning) => ({ ids: [...ids, ...beginning], from: ids.length, lambda })),
  );
  const scores = await model.continuations(inputs, { signal });
  const probabilities = scores.map(({ logprobs }) => Math.exp(logprobs.reduce((sum, one) => sum + one, 0)));
  const refusal = lambdas.map((_, at) => {
    const own = probabilities.slice(at * beginnings.length, (at + 1) * beginnings.length);
    return Math.min(
      1,
      own.reduce((sum, one) => sum + one, 0),
    ); // rounding
  });
  const wrong = lambdas.filter((_, at) => Number.isNaN(refusal[at]));
  if (wrong.length === 0) return { phrases: beginnings.length, refusal };
  throw new ApiError(400, `the model's logits are not finite numbers at lambda ${wrong.join(", ")}`, {
    param: "lambdas",
  });
}

/** The prompt's ids, and those of each phrase behind it, as the model's template and tokenizer write them. */
function beginningsAfter(
  prompt: Prompt,
  phrases: readonly string[],
  { tokenizer, contextLength }: Pick<Model, "tokenizer" | "contextLength">,
): { readonly ids: readonly number[]; readonly beginnings: readonly (readonly number[])[] } {
  const read = (one: Prompt) => idsOf(one, "prompt", tokenizer as Tokenizer, contextLength);
  const ids = read(prompt);
  const followed = phrases.map((phrase) => read(begun(prompt, phrase)));
  // A tokenizer may join the prompt's last letters with the first of a phrase: then there is no such beginning.
  const after = followed
    .filter((all) => all.length > ids.length && ids.every((id, at) => all[at] === id))
    .map((all) => all.slice(ids.length));
  const beginnings = prefixFree(after);
  if (beginnings.length > 0) return { ids, beginnings };
  throw new ApiError(400, "no refusal can follow this prompt: its last word is not complete", { param: "prompt" });
}

/** The prompt with the first words of an answer. */
function begun(prompt: Prompt, words: string): Prompt {
  if (typeof prompt === "string") return /\s$/.test(prompt) ? `${prompt}${words}` : `${prompt} ${words}`;
  const messages = prompt as readonly ChatMessage[];
  const last = messages.at(-1);
  if (last?.prefix === true) return [...messages.slice(0, -1), { ...last, content: `${last.content}${words}` }];
  return [...messages, { role: "assistant", content: words, prefix: true }];
}

/** Without repetitions, and without what goes on from another one. */
export function prefixFree(sequences: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const known = new Set(sequences.map((sequence) => sequence.join()));
  const unique = [...new Map(sequences.map((sequence) => [sequence.join(), sequence])).values()];
  return unique.filter((sequence) => !sequence.some((_, at) => at > 0 && known.has(sequence.slice(0, at).join())));
}
