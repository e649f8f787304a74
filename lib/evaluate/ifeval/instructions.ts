// The 25 kinds of instructions of IFEval (Zhou et al., 2023, arXiv 2311.07911), each as a check of an answer. They decide as
// lm-evaluation-harness 0.4.13 decides, item by item; the two that ask for a language or for sentences need models there and
// rules here, and agree in 95 % of cases or more.

import { isLower, isUpper } from "../../tokenizer/jinja/text/characters.js";
import { isBlank, splitWords, strip, stripOf } from "../metrics/pythonText.js";
import { languageOf } from "./language.js";
import { isPythonJson, keywordPattern, SPACE, wordsOf } from "./python.js";
import { countSentences, splitTokens } from "./sentences.js";

/** Arguments of an instruction, as the data have them. */
export type InstructionArguments = Readonly<Record<string, unknown>>;
/** Whether a text follows. */
export type Check = (text: string) => boolean;
/** Reads the arguments once. @throws Error where one is missing or cannot be used, in words without a place */
type Maker = (args: Arguments) => Check;

/** The arguments, each read as what it must be. */
class Arguments {
  private readonly values: InstructionArguments;

  constructor(values: InstructionArguments) {
    this.values = values;
  }

  /** A whole number of 0 or more. */
  count(name: string): number {
    const value = Number(this.values[name]);
    if (!this.given(name) || !Number.isInteger(value) || value < 0)
      throw this.wrong(name, "a whole number of 0 or more");
    return value;
  }

  text(name: string): string {
    const value = this.values[name];
    if (typeof value !== "string" || value === "") throw this.wrong(name, "a text");
    return value;
  }

  texts(name: string): readonly string[] {
    const value = this.values[name];
    if (!Array.isArray(value) || value.length === 0 || value.some((one) => typeof one !== "string")) {
      throw this.wrong(name, "a list of texts");
    }
    return value;
  }

  /** "less than" or "at least" a number. */
  relation(name: string): (have: number, wanted: number) => boolean {
    const value = this.values[name];
    if (value === "less than") return (have, wanted) => have < wanted;
    if (value === "at least") return (have, wanted) => have >= wanted;
    throw this.wrong(name, '"less than" or "at least"');
  }

  private given(name: string): boolean {
    return this.values[name] !== undefined && this.values[name] !== null;
  }

  private wrong(name: string, expected: string): Error {
    const what = this.given(name) ? `is ${JSON.stringify(this.values[name])}` : "is missing";
    return new Error(`the argument ${name} ${what}; expected ${expected}`);
  }
}

const OPTIONS = ["My answer is yes.", "My answer is no.", "My answer is maybe."];

const MAKERS: Readonly<Record<string, Maker>> = {
  "keywords:existence": (args) => {
    const patterns = args.texts("keywords").map((keyword) => keywordPattern(keyword));
    return (text) => patterns.every((pattern) => text.search(pattern) >= 0);
  },
  "keywords:frequency": (args) => {
    const pattern = keywordPattern(strip(args.text("keyword")));
    const [holds, wanted] = [args.relation("relation"), args.count("frequency")];
    return (text) => holds(text.match(pattern)?.length ?? 0, wanted);
  },
  "keywords:forbidden_words": (args) => {
    const patterns = args.texts("forbidden_words").map((word) => keywordPattern(word, true));
    return (text) => patterns.every((pattern) => text.search(pattern) < 0);
  },
  "keywords:letter_frequency": (args) => {
    // of a sign that is no letter the reference counts a letter drawn at random; here the sign itself counts
    const letter = strip(args.text("letter")).toLowerCase();
    const [holds, wanted] = [args.relation("let_relation"), args.count("let_frequency")];
    return (text) => holds(text.toLowerCase().split(letter).length - 1, wanted);
  },
  "language:response_language": (args) => {
    const language = args.text("language");
    return (text) => (languageOf(text) ?? language) === language;
  },
  "length_constraints:number_sentences": (args) => {
    const [holds, wanted] = [args.relation("relation"), args.count("num_sentences")];
    return (text) => holds(countSentences(text), wanted);
  },
  "length_constraints:number_paragraphs": (args) => {
    const wanted = args.count("num_paragraphs");
    const divider = new RegExp(`${SPACE}?\\*\\*\\*${SPACE}?`, "u");
    return (text) => {
      const parts = text.split(divider);
      if (parts.slice(1, -1).some(isBlank)) return false;
      return parts.filter((part) => !isBlank(part)).length === wanted;
    };
  },
  "length_constraints:number_words": (args) => {
    const [holds, wanted] = [args.relation("relation"), args.count("num_words")];
    return (text) => holds(wordsOf(text).length, wanted);
  },
  "length_constraints:nth_paragraph_first_word": (args) => {
    const [wanted, nth] = [args.count("num_paragraphs"), args.count("nth_paragraph")];
    const first = args.text("first_word").toLowerCase();
    return (text) => {
      const parts = text.split("\n\n");
      const count = parts.filter((part) => !isBlank(part)).length;
      const [word] = nth <= count ? splitWords(parts[nth - 1] ?? "") : [];
      return word !== undefined && count === wanted && firstLetters(word) === first;
    };
  },
  "detectable_content:number_placeholders": (args) => {
    const wanted = args.count("num_placeholders");
    return (text) => (text.match(/\[[^\n]*?\]/g)?.length ?? 0) >= wanted;
  },
  "detectable_content:postscript": (args) => {
    const marker = strip(args.text("postscript_marker"));
    const pattern =
      marker === "P.P.S"
        ? new RegExp(`p\\.${SPACE}?p\\.${SPACE}?s`, "u")
        : marker === "P.S."
          ? new RegExp(`p\\.${SPACE}?s\\.`, "u")
          : keywordPattern(marker.toLowerCase());
    return (text) => text.toLowerCase().search(pattern) >= 0;
  },
  "detectable_format:number_bullet_lists": (args) => {
    const wanted = args.count("num_bullets");
    const stars = new RegExp(`(?<![^\\n])${SPACE}*\\*[^*][^\\n]*`, "gu");
    const dashes = new RegExp(`(?<![^\\n])${SPACE}*-[^\\n]*`, "gu");
    return (text) => (text.match(stars)?.length ?? 0) + (text.match(dashes)?.length ?? 0) === wanted;
  },
  "detectable_format:constrained_response": () => (text) => OPTIONS.some((option) => text.includes(option)),
  "detectable_format:number_highlighted_sections": (args) => {
    const wanted = args.count("num_highlights");
    return (text) => {
      const single = text.match(/\*[^\n*]*\*/g) ?? [];
      const double = text.match(/\*\*[^\n*]*\*\*/g) ?? [];
      return [...single, ...double].filter((part) => !isBlank(stripOf(part, "*"))).length >= wanted;
    };
  },
  "detectable_format:multiple_sections": (args) => {
    const [splitter, wanted] = [strip(args.text("section_spliter")), args.count("num_sections")];
    const pattern = new RegExp(`${SPACE}?(?:${keywordPattern(splitter).source})${SPACE}?\\p{Nd}+${SPACE}?`, "gu");
    return (text) => (text.match(pattern)?.length ?? 0) >= wanted;
  },
  "detectable_format:json_format": () => (text) => {
    let plain = strip(text);
    for (const fence of ["```json", "```Json", "```JSON", "```"]) {
      if (plain.startsWith(fence)) plain = plain.slice(fence.length);
    }
    return isPythonJson(strip(plain.endsWith("```") ? plain.slice(0, -3) : plain));
  },
  "detectable_format:title": () => (text) =>
    (text.match(/<<[^\n]+>>/g) ?? []).some((title) => !isBlank(title.replace(/^<+/, "").replace(/>+$/, ""))),
  "combination:two_responses": () => (text) => {
    const parts = text.split("******");
    if (parts.slice(1, -1).some(isBlank)) return false;
    const [first, second, ...more] = parts.filter((part) => !isBlank(part)).map(strip);
    return second !== undefined && more.length === 0 && first !== second;
  },
  "combination:repeat_prompt": (args) => {
    const start = strip(args.text("prompt_to_repeat")).toLowerCase();
    return (text) => strip(text).toLowerCase().startsWith(start);
  },
  "startend:end_checker": (args) => {
    const end = strip(args.text("end_phrase")).toLowerCase();
    return (text) => stripOf(strip(text), '"').toLowerCase().endsWith(end);
  },
  "startend:quotation": () => (text) => {
    const plain = strip(text);
    return plain.length > 1 && plain.startsWith('"') && plain.endsWith('"');
  },
  "change_case:capital_word_frequency": (args) => {
    const [holds, wanted] = [args.relation("capital_relation"), args.count("capital_frequency")];
    return (text) => holds(splitTokens(text).filter(isUpper).length, wanted);
  },
  "change_case:english_capital": () => (text) => isUpper(text) && (languageOf(text) ?? "en") === "en",
  "change_case:english_lowercase": () => (text) => isLower(text) && (languageOf(text) ?? "en") === "en",
  "punctuation:no_comma": () => (text) => !text.includes(","),
};

/** The kinds that are known, by the names of the data. */
export const INSTRUCTIONS: readonly string[] = Object.keys(MAKERS);

/**
 * The check of one instruction.
 * @throws Error for a kind that is not known, and for arguments that are missing or cannot be used; the caller knows the place
 */
export function makeCheck(kind: string, args: InstructionArguments): Check {
  const make = Object.hasOwn(MAKERS, kind) ? MAKERS[kind] : undefined;
  if (!make)
    throw new Error(`the instruction ${JSON.stringify(kind)} is not known; there are ${INSTRUCTIONS.join(", ")}`);
  return make(new Arguments(args));
}

/** Letters up to the first sign, in lower case. */
function firstLetters(word: string): string {
  return (/^'*"*([^.,?!'"]*)/.exec(word)?.[1] ?? "").toLowerCase();
}
