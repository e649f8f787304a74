// The pre-tokenizers of tokenizer.json: they cut a normalised text into the pieces that the model sees one by one. Each
// does what the tokenizers library does for the same entry.

import { RetemperError } from "../../errors.js";
import { asRecord, show } from "../addedTokens.js";
import { toByteCharacters } from "./byteLevel.js";
import { characterOf, listOf } from "./normalizers.js";
import { compilePattern } from "./pattern.js";
import { type SplitBehavior, splitText } from "./splitText.js";

/**
 * From pieces to smaller pieces, none of them empty.
 * @param atStart Whether the first piece begins the whole text.
 */
export type PreTokenize = (pieces: readonly string[], atStart: boolean) => readonly string[];

/** GPT-2's words. \s of Oniguruma is Unicode's White_Space, which JavaScript's is not. */
const WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const SPACES = /\p{White_Space}+/gu;
const NUMBERS = /\p{N}+/gu;
const NUMBER = /\p{N}/gu;
/** Rust's ASCII punctuation, and Unicode's. */
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/gu;
/** `\w` of Rust's regular expressions. */
const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
const WORDS_AND_SIGNS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, "gu");

const BEHAVIORS: ReadonlySet<unknown> = new Set<SplitBehavior>([
  ...(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const),
]);

/**
 * Compiles `pre_tokenizer`; null leaves the text whole.
 * @throws RetemperError BAD_INPUT for a type that is not known here.
 */
export function compilePreTokenizer(value: unknown, file: string): PreTokenize {
  if (value === null || value === undefined) return (pieces) => pieces;
  const spec = asRecord(value, "a pre-tokenizer", file);
  switch (spec.type) {
    case "Sequence": {
      const steps = listOf(spec.pretokenizers, "pretokenizers", file).map((step) => compilePreTokenizer(step, file));
      return (pieces, atStart) => steps.reduce((result, step) => step(result, atStart), pieces);
    }
    case "ByteLevel":
      return byteLevel(spec.add_prefix_space !== false, spec.use_regex !== false);
    case "Split": {
      const pattern = compilePattern(spec.pattern, file);
      return splitting(pattern, behaviorOf(spec.behavior, file), spec.invert === true);
    }
    case "Digits":
      return spec.individual_digits === true ? splitting(NUMBER, "Isolated") : splitting(NUMBERS, "Isolated");
    case "Punctuation":
      return splitting(PUNCTUATION, spec.behavior === undefined ? "Isolated" : behaviorOf(spec.behavior, file));
    case "Whitespace":
      return splitting(WORDS_AND_SIGNS, "Removed", true);
    case "WhitespaceSplit":
      return splitting(SPACES, "Removed");
    case "BertPreTokenizer": {
      const steps = [splitting(SPACES, "Removed"), splitting(PUNCTUATION, "Isolated")];
      return (pieces, atStart) => steps.reduce((result, step) => step(result, atStart), pieces);
    }
    case "CharDelimiterSplit": {
      const delimiter = characterOf(spec.delimiter, "delimiter", file);
      return splitting(compilePattern({ String: delimiter }, file), "Removed");
    }
    case "Metaspace":
      return metaspace(spec, file);
    default:
      throw new RetemperError("BAD_INPUT", `the pre-tokenizer ${show(spec.type)} is not known`, { file });
  }
}

function behaviorOf(value: unknown, file: string): SplitBehavior {
  const name = typeof value === "string" ? value[0]?.toUpperCase() + value.slice(1) : value;
  if (BEHAVIORS.has(name)) return name as SplitBehavior;
  throw new RetemperError("BAD_INPUT", `the split behavior ${show(value)} is not known`, { file });
}

function splitting(pattern: RegExp, behavior: SplitBehavior, invert = false): PreTokenize {
  return (pieces) => pieces.flatMap((piece) => splitText(piece, pattern, behavior, invert));
}

function byteLevel(prefixSpace: boolean, words: boolean): PreTokenize {
  return (pieces) => {
    const spaced = prefixSpace ? pieces.map((piece) => (/^ |^$/.test(piece) ? piece : ` ${piece}`)) : pieces;
    const split = words ? spaced.flatMap((piece) => splitText(piece, WORDS, "Isolated")) : spaced;
    return split.map(toByteCharacters);
  };
}

/** SentencePiece's way with spaces: each becomes a visible character, and one may be put in front. */
function metaspace(spec: Record<string, unknown>, file: string): PreTokenize {
  const space = characterOf(spec.replacement ?? "▁", "replacement", file);
  // Older files say add_prefix_space: true is the scheme "always", and false is "never".
  const scheme = spec.add_prefix_space === false ? "never" : (spec.prepend_scheme ?? "always");
  if (scheme !== "always" && scheme !== "first" && scheme !== "never") {
    throw new RetemperError("BAD_INPUT", `prepend_scheme is ${show(scheme)}; expected always, first or never`, {
      file,
    });
  }
  const pattern = compilePattern({ String: space }, file);
  return (pieces, atStart) => {
    const marked = pieces.map((piece, index) => {
      const text = piece.replaceAll(" ", () => space);
      const prepend = scheme === "always" || (scheme === "first" && atStart && index === 0);
      return prepend && text !== "" && !text.startsWith(space) ? space + text : text;
    });
    return spec.split === false ? marked : marked.flatMap((piece) => splitText(piece, pattern, "MergedWithNext"));
  };
}
