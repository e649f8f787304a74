// One answer as a line of JSON.

import { RetemperError } from "../../errors.js";
import type { Generation, ModelWeights, Prompt } from "../types.js";

/** A prompt of a file, with the name that its answers get beside its number. */
export interface NamedPrompt {
  readonly prompt: Prompt;
  readonly id?: string | number | undefined;
}

/** A line of an answers file. Keys are in this order. */
export interface AnswerRecord {
  /** Of the prompt, from 0. */
  readonly index: number;
  readonly id?: string | number;
  readonly sample: number;
  readonly lambda?: number | undefined;
  readonly weights?: ModelWeights | undefined;
  readonly variant?: number | undefined;
  readonly text: string;
  readonly finish: "stop" | "length";
  /** Absent, as the next two, where an endpoint does not tell. */
  readonly promptTokens?: number;
  readonly newTokens?: number;
  /** The new tokens. */
  readonly ids?: readonly number[];
  readonly logprobs?: readonly number[];
}

/**
 * An answer as `generateFile` writes it: what an endpoint does not tell is left out.
 * @param id the prompt's own name, where it has one
 * @example
 * ```ts
 * import { openModel, recordOf } from "retemper";
 *
 * const model = await openModel("models/aligned");
 * const prompts = [{ id: "greeting", prompt: "Good morning!" }];
 * const asked = prompts.map(({ prompt }) => prompt);
 * for await (const answer of model.generate(asked, { maxNewTokens: 1, ignoreEos: true })) {
 *   const { id, sample, finish, newTokens } = recordOf(answer, prompts[answer.index]?.id);
 *   console.log(id, sample, finish, newTokens); // greeting 0 length 1
 * }
 * await model.close();
 * ```
 */
export function recordOf(answer: Generation, id: string | number | undefined): AnswerRecord {
  const { index, sample, lambda, weights, variant, text, finish, promptTokens, ids, logprobs } = answer;
  return {
    index,
    ...(id !== undefined && { id }),
    sample,
    ...(lambda !== undefined && { lambda }),
    ...(weights !== undefined && { weights }),
    ...(variant !== undefined && { variant }),
    text,
    finish,
    ...(promptTokens > 0 && { promptTokens }),
    ...(ids.length > 0 && { newTokens: ids.length, ids }),
    ...(logprobs !== undefined && { logprobs }),
  };
}

/** Whose answer it is. */
export type AnswerPlace = Pick<AnswerRecord, "index" | "sample" | "lambda" | "weights" | "variant">;

/** What tells answers of a file apart. */
export function keyOf({ index, sample, lambda, weights, variant }: AnswerPlace): string {
  const weighed = weights && JSON.stringify(Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1)));
  const which = lambda ?? weighed ?? (variant === undefined ? undefined : `variant ${variant}`);
  return `${index}/${sample}${which === undefined ? "" : `/${which}`}`;
}

/**
 * The answer that a line holds.
 * @throws RetemperError BAD_INPUT
 */
export function parseLine(line: string, file: string, number: number): AnswerRecord {
  const broken = (why: string) =>
    new RetemperError("BAD_INPUT", `this line is no answer: ${why}`, {
      file,
      line: number,
      hint: "mend or delete the line, or begin anew with --force",
    });
  let value: Partial<AnswerRecord> | null;
  try {
    value = JSON.parse(line) as Partial<AnswerRecord> | null;
  } catch (error) {
    throw broken((error as Error).message);
  }
  if (!Number.isSafeInteger(value?.index) || !Number.isSafeInteger(value?.sample)) throw broken("no index and sample");
  if (typeof value?.text !== "string") throw broken("no text");
  return value as AnswerRecord;
}
