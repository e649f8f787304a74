// What coefficients are learned on: what the two ends said themselves on the set that is searched by. Of an answer its text is kept, not
// its ids, so that it is encoded again: the ids may differ from those that the model gave.

import type { Results } from "../../evaluate/run/results.js";
import type { Task } from "../../evaluate/types.js";
import { idsOf } from "../../generate/loop/preparePrompts.js";
import type { Prompt, Tokenizer } from "../../generate/types.js";
import { MOST_TOKENS } from "../../tune/coefficients/openAdapterGradients.js";
import type { Example } from "../../tune/data/example.js";
import type { SearchEnds } from "../measureEnds.js";
import { spread } from "../spread.js";
import { ANSWER_TOKENS } from "./course.js";

export interface Answered {
  readonly prompt: Prompt;
  readonly text: string;
  /** Whether the model ended it. */
  readonly ended: boolean;
}

/** Of the unsafe requests that the aligned model did not answer, its answers: evenly from all, so many at most. */
export function refusalsOf({ said: { aligned } }: SearchEnds, asked: readonly Task[], most: number): Answered[] {
  return spread(
    answersOf(aligned, asked, "safety", (asr) => asr < 0.5),
    most,
  );
}

/**
 * Of the rows of the task that a fine-tuned model answers better than the aligned one, its answers: evenly from all, so many at most.
 * @param better of the score
 */
export function gainsOf(
  { said: { aligned, tuned } }: SearchEnds,
  asked: readonly Task[],
  { seed, better, most }: { readonly seed: string; readonly better: "high" | "low"; readonly most: number },
): Answered[] {
  const before = new Map<string, number | null | undefined>(
    (aligned?.tasks ?? []).flatMap(({ name, primary, items }) =>
      items.map(({ id, scores }) => [`${name}/${id}`, scores[primary]] as const),
    ),
  );
  const isGain = (score: number, key: string) => {
    const was = before.get(key);
    return typeof was === "number" && (better === "high" ? score > was : score < was);
  };
  return spread(answersOf(tuned.find((one) => one.seed === seed)?.results, asked, "task", isGain), most);
}

function answersOf(
  results: Results | undefined,
  asked: readonly Task[],
  kind: keyof typeof ANSWER_TOKENS,
  wanted: (score: number, key: string) => boolean,
): Answered[] {
  return (results?.tasks ?? []).flatMap(({ name, primary, items }) => {
    const task = asked.find((one) => one.name === name && one.kind === kind && one.ask === "generate");
    const prompts = new Map(task?.items.map(({ id, prompt }) => [id, prompt]));
    return items.flatMap(({ id, scores, answers: [answer] }): Answered[] => {
      const [prompt, score] = [prompts.get(id), scores[primary]];
      if (prompt === undefined || !answer || answer.text === "" || typeof score !== "number") return [];
      return wanted(score, `${name}/${id}`) ? [{ prompt, text: answer.text, ended: answer.finish === "stop" }] : [];
    });
  });
}

/** As ids, of which the answer's first count; rows that are too long are left out. */
export function examplesOf(
  rows: readonly Answered[],
  kind: keyof typeof ANSWER_TOKENS,
  tokenizer: Tokenizer,
  stopTokens: readonly number[],
): Example[] {
  const most = ANSWER_TOKENS[kind];
  return rows.flatMap(({ prompt, text, ended }, at) => {
    const before = idsOf(prompt, `prompt ${at}`, tokenizer);
    const said = tokenizer.encode(text, { addSpecialTokens: false });
    const answer = [...said, ...(ended ? stopTokens.slice(0, 1) : [])].slice(0, most);
    const ids = [...before, ...answer];
    if (ids.length > MOST_TOKENS) return [];
    return [{ ids, learned: ids.map((_, i) => i >= before.length) }];
  });
}
