// The patterns of tokenizer.json, which are written for Oniguruma, as JavaScript's regular expressions.

import { EmulatedRegExp, toRegExpDetails } from "oniguruma-to-es";
import { RetemperError } from "../../errors.js";
import { asRecord, quote } from "../addedTokens.js";

/** Published patterns have at most some hundred characters. */
const MAX_PATTERN = 10_000;

/**
 * `\w` as oniguruma-to-es writes it, and as Oniguruma's table has it: not ①, which is a number, but Ⓐ, which is
 * alphabetic; and the powers and fractions of Latin-1.
 */
const THEIR_WORD = "\\p{L}\\p{M}\\p{N}\\p{Pc}";
const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}²³¹¼½¾";

/**
 * Compiles `{ "String": … }` or `{ "Regex": … }`.
 * The time of a match has no bound: the caller sets a time limit.
 * @returns With the flag g, and u or v.
 * @throws RetemperError BAD_INPUT for a pattern that JavaScript cannot express.
 */
export function compilePattern(value: unknown, file: string): RegExp {
  const record = asRecord(value, "a pattern", file);
  const { String: text, Regex: source } = record;
  if (typeof text === "string") return new RegExp(escapeText(text) || "(?!)", "gu");
  if (typeof source !== "string" || source.length > MAX_PATTERN) {
    throw new RetemperError("BAD_INPUT", "a pattern is neither a String nor a Regex of a usable length", { file });
  }
  try {
    // One edition for every Node, so that every Node runs the same expression.
    const { pattern, flags, options } = toRegExpDetails(source, { global: true, target: "ES2024" });
    const exact = source.includes(THEIR_WORD) ? pattern : pattern.replaceAll(THEIR_WORD, () => WORD);
    return options ? new EmulatedRegExp(exact, flags, options) : new RegExp(exact, flags);
  } catch (cause) {
    const message = `the pattern ${quote(source)} cannot be used: ${(cause as Error).message}`;
    throw new RetemperError("BAD_INPUT", message, { file, cause });
  }
}

function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
