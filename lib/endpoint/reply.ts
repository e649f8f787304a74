// What a server answers, read with care: a proxy's page or half an object is a failure like any other.

/** One sample, whole or as far as it came. */
export interface Choice {
  /** Its number among the samples of the request. */
  readonly place: number;
  readonly text: string;
  readonly finish: "stop" | "length";
  /** Empty where the server does not tell. */
  readonly ids: readonly number[];
  readonly logprobs: readonly number[] | undefined;
}

export interface Reply {
  readonly choices: readonly Choice[];
  readonly promptTokens: number;
  readonly newTokens: number;
}

/** A reply that is none; the message says why. */
export class Garbage extends Error {}

type Json = Readonly<Record<string, unknown>>;

/** @throws Garbage */
export function readReply(text: string): Reply {
  const reply = parseJson(text);
  const { choices } = reply;
  if (!Array.isArray(choices) || choices.length === 0) throw new Garbage("there are no choices in its answer");
  return { choices: choices.map((choice, at) => readChoice(asJson(choice), at)), ...readUsage(reply) };
}

/** A JSON object. @throws Garbage */
export function parseJson(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Garbage(`its answer is not JSON: ${excerpt(text)}`);
  }
  return asJson(value);
}

export function readUsage({ usage }: Json): { promptTokens: number; newTokens: number } {
  const { prompt_tokens, completion_tokens } = isJson(usage) ? usage : {};
  return { promptTokens: countOf(prompt_tokens), newTokens: countOf(completion_tokens) };
}

function readChoice(choice: Json, at: number): Choice {
  const { message } = choice;
  const content = isJson(message) ? (message.content ?? "") : choice.text;
  if (typeof content !== "string") throw new Garbage("a choice in its answer has no text");
  return {
    place: placeOf(choice, at),
    text: content,
    finish: finishOf(choice.finish_reason),
    ids: idsOf(choice.token_ids),
    logprobs: logprobsOf(choice.logprobs),
  };
}

/** A choice's number; `fallback` where the server does not say. */
export function placeOf({ index }: Json, fallback: number): number {
  return typeof index === "number" && Number.isSafeInteger(index) && index >= 0 ? index : fallback;
}

export function finishOf(reason: unknown): "stop" | "length" {
  return reason === "length" ? "length" : "stop";
}

/** vLLM tells ids when asked with `return_token_ids`. */
export function idsOf(ids: unknown): number[] {
  return Array.isArray(ids) && ids.every((id) => Number.isSafeInteger(id)) ? (ids as number[]) : [];
}

/** Of a conversation a list of tokens with their logprob, of a text a list of numbers. */
export function logprobsOf(value: unknown): number[] | undefined {
  if (!isJson(value)) return undefined;
  const { content, token_logprobs } = value;
  const list = Array.isArray(content)
    ? content.map((token: unknown) => (isJson(token) ? token.logprob : undefined))
    : token_logprobs;
  return Array.isArray(list) && list.every((logprob) => typeof logprob === "number") ? list : undefined;
}

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asJson(value: unknown): Json {
  if (isJson(value)) return value;
  throw new Garbage("its answer is not an object");
}

function countOf(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** The beginning of a text on one line. */
export function excerpt(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
