// The patterns of tokenizer.json, which are written for Oniguruma, as JavaScript's regular expressions.

import * as library from "@huggingface/tokenizers";
import { RetemperError } from "../../errors.js";
import { asRecord, quote } from "../addedTokens.js";

/** Published patterns have at most some hundred characters. */
const MAX_PATTERN = 10_000;

// The translation has no other way out of the library than this class. Its types do not resolve under Node's rules.
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (spec: Record<string, unknown>) => { readonly pattern: RegExp | null };
};

/**
 * Compiles `{ "String": … }` or `{ "Regex": … }`.
 * Nothing says how long a match takes: whoever runs one sees to a time limit.
 * @returns With the flags g and u.
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
    const { pattern } = new SplitPreTokenizer({ type: "Split", pattern: { Regex: source }, behavior: "Isolated" });
    if (pattern === null) throw new SyntaxError("there is no translation");
    return withUnicodeFolds(pattern, source);
  } catch (cause) {
    const message = `the pattern ${quote(source)} cannot be used: ${(cause as Error).message}`;
    throw new RetemperError("BAD_INPUT", message, { file, cause });
  }
}

/**
 * Oniguruma's letters without case have two more forms beyond ASCII, the long s and the Kelvin sign, which the library
 * leaves out: (?i:'s) matches 'ſ.
 */
function withUnicodeFolds(pattern: RegExp, source: string): RegExp {
  if (!source.includes("(?i") || /\[(?:sS|kK)\]/.test(source)) return pattern;
  const folded = pattern.source.replaceAll("[sS]", "[sS\u017f]").replaceAll("[kK]", "[kK\u212a]");
  return new RegExp(folded, pattern.flags);
}

function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
