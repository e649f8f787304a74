// Probabilities of the next token as servers tell them: for the few most probable tokens, by their texts.

import { RetemperError } from "../errors.js";
import type { NextLogprobs, Prompt, TokenName } from "../generate/types.js";
import { isJson, parseJson, readUsage } from "./reply.js";
import { conversationFields, isConversation, type RequestBody } from "./requestBody.js";

/** As many as vLLM gives by default; others give fewer, and say so by what they answer. */
const MOST_TOLD = 20;

/** Asks for one token and the most probable ones in its place. @param extra fields that the caller adds or replaces */
export function nextTokenBody(prompt: Prompt, { model, extra }: { model: string; extra: object }): RequestBody {
  const chat = isConversation(prompt);
  const asked = chat
    ? { ...conversationFields(prompt), logprobs: true, top_logprobs: MOST_TOLD }
    : { prompt, logprobs: MOST_TOLD };
  const fields = { model, ...asked, max_tokens: 1, temperature: 0, ...extra };
  return { method: chat ? "chat/completions" : "completions", fields };
}

/** A token that a server names. */
interface Told {
  readonly text: string;
  /** Where it tells it, as llama.cpp does. */
  readonly id: number | undefined;
  readonly logprob: number;
}

/**
 * Log-probabilities of the tokens, in their order: -Infinity for one that is less probable than all that the server told.
 * A token's text may be the beginning of the word that is asked for. SentencePiece's mark counts as a space, and a space at
 * the beginning does not matter where no token has the exact text: some servers leave it out.
 * @param server as messages show it
 * @throws Garbage for what is no answer; RetemperError INCOMPATIBLE for one without log-probabilities
 */
export function readNextTokens(
  text: string,
  tokens: readonly TokenName[],
  server: string,
): Omit<NextLogprobs, "index"> {
  const reply = parseJson(text);
  const { choices } = reply;
  const [choice] = Array.isArray(choices) ? choices : [];
  const told = isJson(choice) ? toldIn(choice.logprobs) : undefined;
  if (!told) {
    throw new RetemperError("INCOMPATIBLE", `${server} gives no log-probabilities of the next token`, {
      hint: "start the server with them, or let the judge be read from its answers",
    });
  }
  const exact = told.map(({ text, ...rest }) => ({ ...rest, text: text.replaceAll("▁", " ").replaceAll("Ġ", " ") }));
  const logprobs = tokens.map((token) => {
    if (typeof token === "number") return exact.find(({ id }) => id === token)?.logprob ?? Number.NEGATIVE_INFINITY;
    const others = tokens.filter((other): other is string => typeof other === "string" && other !== token);
    return (
      probabilityOf(token, exact, others) ??
      probabilityOf(token.trimStart(), bare(exact), others.map(start)) ??
      Number.NEGATIVE_INFINITY
    );
  });
  return {
    logprobs: Float32Array.from(logprobs, (one) => Math.min(0, one)),
    promptTokens: readUsage(reply).promptTokens,
  };
}

const start = (text: string): string => text.trimStart();

function bare(told: readonly Told[]): Told[] {
  return told.map((one) => ({ ...one, text: start(one.text) }));
}

/** Of the token with this text, or else of the longest beginning of it that begins none of the others. */
function probabilityOf(word: string, told: readonly Told[], others: readonly string[]): number | undefined {
  const begins = told.filter(
    ({ text }) => text !== "" && word.startsWith(text) && !others.some((other) => other.startsWith(text)),
  );
  return begins.sort((a, b) => b.text.length - a.text.length || b.logprob - a.logprob)[0]?.logprob;
}

/** Completions have { text: logprob } for each place, chats and llama.cpp a list of tokens. */
function toldIn(logprobs: unknown): Told[] | undefined {
  if (!isJson(logprobs)) return undefined;
  const { content, top_logprobs } = logprobs;
  const [first] = Array.isArray(content) ? content : [];
  const listed = isJson(first) ? first.top_logprobs : Array.isArray(top_logprobs) ? top_logprobs[0] : undefined;
  if (Array.isArray(listed)) {
    return listed.flatMap((one: unknown) =>
      isJson(one) && typeof one.token === "string" && isLogprob(one.logprob)
        ? [{ text: one.token, id: typeof one.id === "number" ? one.id : undefined, logprob: one.logprob }]
        : [],
    );
  }
  if (!isJson(listed)) return undefined;
  return Object.entries(listed).flatMap(([text, logprob]) =>
    isLogprob(logprob) ? [{ text, id: undefined, logprob }] : [],
  );
}

/** Of a probability of at most 1, as far as rounding lets a server say it. */
function isLogprob(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value <= 1e-3;
}
