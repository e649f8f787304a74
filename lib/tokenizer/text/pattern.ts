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

export interface Pattern {
  /** With the flags g and u. */
  readonly expression: RegExp;
  /** Whether matching certainly takes linear time; the others want a time limit. */
  readonly literal: boolean;
}

/**
 * Compiles `{ "String": … }` or `{ "Regex": … }`.
 * @throws RetemperError BAD_INPUT for a pattern that JavaScript cannot express.
 */
export function compilePattern(value: unknown, file: string): Pattern {
  const record = asRecord(value, "a pattern", file);
  const { String: text, Regex: source } = record;
  if (typeof text === "string") return { expression: new RegExp(escapeText(text) || "(?!)", "gu"), literal: true };
  if (typeof source !== "string" || source.length > MAX_PATTERN) {
    throw new RetemperError("BAD_INPUT", "a pattern is neither a String nor a Regex of a usable length", { file });
  }
  try {
    const { pattern } = new SplitPreTokenizer({ type: "Split", pattern: { Regex: source }, behavior: "Isolated" });
    if (pattern === null) throw new SyntaxError("there is no translation");
    return { expression: pattern, literal: false };
  } catch (cause) {
    const message = `the pattern ${quote(source)} cannot be used: ${(cause as Error).message}`;
    throw new RetemperError("BAD_INPUT", message, { file, cause });
  }
}

function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
