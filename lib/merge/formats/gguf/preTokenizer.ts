// What llama.cpp calls the way in which a byte-level tokenizer splits text before it looks for merges: its own code does
// the splitting, by this name. Known by what tokenizer.json says, so that a vocabulary that grew has its name too.

import type { JsonObject } from "../../../checkpoint/json.js";

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const CASED =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+{C}|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*{C}";
const CASED_REST = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Patterns of a Split before ByteLevel, by name. */
const PATTERNS: Readonly<Record<string, string>> = {
  [`${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${REST}`]: "llama-bpe",
  [`${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${REST}`]: "qwen2",
  [`${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|${REST.replaceAll("\\p{L}\\p{N}", "\\p{L}\\p{M}\\p{N}")}`]:
    "qwen35",
  [`${CASED.replaceAll("{C}", "")}|\\p{N}|${CASED_REST}`]: "tekken",
  [`${CASED.replaceAll("{C}", "(?i:'s|'t|'re|'ve|'m|'ll|'d)?")}|\\p{N}{1,3}|${CASED_REST}`]: "gpt-4o",
};

/** Splits as llama-bpe does; that one also takes a word that is a token as it is. */
const OF_MERGES_ALONE = "smaug-bpe";

/** The name; undefined where llama.cpp knows no such splitting, or we do not know that it does. */
export function preTokenizerName(tokenizer: JsonObject): string | undefined {
  const steps = stepsOf(tokenizer.pre_tokenizer as JsonObject | null | undefined);
  const [first, second, ...others] = steps;
  if (first?.type === "ByteLevel" && !second) return first.use_regex === false ? undefined : "gpt-2";
  if (second?.type !== "ByteLevel" || others.length > 0) return undefined;
  if (first?.type === "Digits")
    return first.individual_digits === true && second.use_regex !== false ? "smollm" : undefined;
  const pattern = (first?.pattern as { readonly Regex?: unknown } | undefined)?.Regex;
  if (first?.type !== "Split" || first.behavior !== "Isolated" || typeof pattern !== "string") return undefined;
  const name = second.use_regex === false ? PATTERNS[pattern] : undefined;
  const { ignore_merges: wholeWords } = tokenizer.model as JsonObject;
  return name === "llama-bpe" && wholeWords !== true ? OF_MERGES_ALONE : name;
}

function stepsOf(step: JsonObject | null | undefined): readonly JsonObject[] {
  if (!step) return [];
  if (step.type !== "Sequence") return [step];
  return Array.isArray(step.pretokenizers) ? (step.pretokenizers as JsonObject[]).flatMap(stepsOf) : [];
}
