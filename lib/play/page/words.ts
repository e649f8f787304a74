// Numbers and points in words.

import type { PlayPoint } from "../types.js";
import type { AnswerToken } from "./columns.js";

/** "62 %", "0.4 %", "< 0.1 %", "> 99.9 %": a probability. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "< 0.1\u00a0%";
  if (share < 1 && share > 0.999) return "> 99.9\u00a0%";
  const value = 100 * share;
  const digits = value < 10 && value > 0 ? 1 : value > 99 && value < 100 ? 1 : 0;
  return `${value.toFixed(digits)}\u00a0%`;
}

/** At most four decimals, none that says nothing. */
export function short(value: number): string {
  return String(Number(value.toFixed(4)));
}

/** "lambda 0.4"; "math 0.3, style 0.2"; "the model". */
export function pointWords({ lambda, weights }: PlayPoint): string {
  if (lambda !== undefined) return `lambda ${short(lambda)}`;
  if (weights === undefined) return "the model";
  return Object.entries(weights)
    .map(([name, weight]) => `${name} ${short(weight)}`)
    .join(", ");
}

export function samePoint(one: PlayPoint, other: PlayPoint): boolean {
  return pointWords(one) === pointWords(other);
}

/** A token as it can be read: white space is named. */
export function tokenWords(text: string): string {
  if (text === "") return "(no text)";
  if (text.trim() === "") return text.includes("\n") ? "(line break)" : "(space)";
  return `“${text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "\u00a0")}”`;
}

/** The one of `top` that was taken, if it is among them. */
export function takenOf({ top, logprob }: AnswerToken): AnswerToken["top"][number] | undefined {
  return top.find((one) => one.logprob === logprob);
}

/** What a token is called: of one that adds no text, such as a mark between turns, what the vocabulary calls it. */
export function tokenName(token: AnswerToken): string {
  return tokenWords(token.text === "" ? (takenOf(token)?.text ?? "") : token.text);
}
