// tokenizer.json of byte-level BPE. How a text is cut before the merges is known by a name only, llama.cpp's; the patterns
// are those of the models' own tokenizer.json.

import { RetemperError } from "../../../../errors.js";
import { addedTokens, postProcessor } from "./addedTokens.js";
import type { Vocabulary } from "./readVocabulary.js";

interface PreTokenizer {
  /** Absent: GPT-2's, which ByteLevel has. */
  readonly pattern?: string;
  /** Every digit by itself first. */
  readonly digits?: true;
  /** A word that is a token is not put together of merges. */
  readonly wholeWords?: true;
  readonly normalizer?: "NFC";
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const cl100k = (digits: string) => `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}|${REST}`;
const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const words = (end: string, digits: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${end}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${end}|${digits}` +
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const GPT2: PreTokenizer = {};
const DIGITS: PreTokenizer = { digits: true };
const LLAMA3: PreTokenizer = { pattern: cl100k("\\p{N}{1,3}"), wholeWords: true };
const SMAUG: PreTokenizer = { pattern: cl100k("\\p{N}{1,3}") };
const QWEN35: PreTokenizer = {
  pattern: `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|${REST.replaceAll("\\p{L}\\p{N}", "\\p{L}\\p{M}\\p{N}")}`,
  normalizer: "NFC",
};
const QWEN2: PreTokenizer = { pattern: cl100k("\\p{N}"), normalizer: "NFC" };
const GPT4O: PreTokenizer = { pattern: words("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "\\p{N}{1,3}") };

const BY_NAME: Readonly<Record<string, PreTokenizer>> = {
  ...{ "gpt-2": GPT2, phi2: GPT2, "phi-2": GPT2, mpt: GPT2, olmo: GPT2, "jina-en": GPT2, "roberta-bpe": GPT2 },
  ...{
    smollm: DIGITS,
    starcoder: DIGITS,
    refact: DIGITS,
    "command-r": DIGITS,
    codeshell: DIGITS,
    "minerva-7b": DIGITS,
  },
  ...{ llama3: LLAMA3, "llama-v3": LLAMA3, "llama-bpe": LLAMA3, falcon3: LLAMA3 },
  ...{ dbrx: SMAUG, smaug: SMAUG, "smaug-bpe": SMAUG },
  ...{ qwen2: QWEN2, "deepseek-r1-qwen": QWEN2, stablelm2: QWEN2, megrez: QWEN2, qwen35: QWEN35 },
  ...{ tekken: { pattern: words("", "\\p{N}"), wholeWords: true }, "gpt-4o": GPT4O, llama4: GPT4O },
};

/** @throws RetemperError BAD_INPUT for a pre-tokenizer that is not known */
export function bytePairTokenizer(vocabulary: Vocabulary, file: string): unknown {
  const { pre, tokens, merges } = vocabulary;
  const cut = Object.hasOwn(BY_NAME, pre) ? BY_NAME[pre] : undefined;
  if (!cut) {
    throw new RetemperError("BAD_INPUT", `the pre-tokenizer ${JSON.stringify(pre.slice(0, 60))} is not known`, {
      file,
      hint: "Put the file into a folder with the model's own tokenizer.json, and name the folder.",
    });
  }
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: cut.pattern === undefined,
  };
  const steps = [
    ...(cut.digits ? [{ type: "Digits", individual_digits: true }] : []),
    ...(cut.pattern ? [{ type: "Split", pattern: { Regex: cut.pattern }, behavior: "Isolated", invert: false }] : []),
    byteLevel,
  ];
  return {
    ...{ version: "1.0", truncation: null, padding: null },
    added_tokens: addedTokens(vocabulary),
    normalizer: cut.normalizer ? { type: cut.normalizer } : null,
    pre_tokenizer: steps.length === 1 ? byteLevel : { type: "Sequence", pretokenizers: steps },
    post_processor: postProcessor(vocabulary),
    decoder: { ...byteLevel, add_prefix_space: true, use_regex: true },
    model: {
      ...{ type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: false, byte_fallback: false, ignore_merges: cut.wholeWords ?? false },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((merge) => pairOf(merge, file)),
    },
  };
}

/** The two halves of a merge; the first may itself begin with a space. */
function pairOf(merge: string, file: string): readonly [string, string] {
  const space = merge.indexOf(" ", 1);
  if (space > 0 && space < merge.length - 1) return [merge.slice(0, space), merge.slice(space + 1)];
  throw new RetemperError("BAD_INPUT", `the merge ${JSON.stringify(merge.slice(0, 80))} is not of two parts`, { file });
}
