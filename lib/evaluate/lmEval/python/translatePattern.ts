// A pattern of Python's `re` as one of JavaScript's (flag v) that matches the same texts.

import { WHITE_SPACE } from "../../../tokenizer/jinja/text/characters.js";

/** A pattern that is none, or that holds what is not known here. */
export class PatternError extends Error {}

export interface Flags {
  readonly ignoreCase?: boolean | undefined;
  readonly dotAll?: boolean | undefined;
  readonly multiline?: boolean | undefined;
}

export interface Translated {
  readonly source: string;
  readonly ignoreCase: boolean;
}

// What Python counts as digits and parts of words.
const DIGIT = "\\p{Nd}";
const WORD = "\\p{L}\\p{N}_";
const SETS: Readonly<Record<string, string>> = { d: DIGIT, w: WORD, s: WHITE_SPACE };
const LETTERS: Readonly<Record<string, string>> = {
  ...{ n: "\\n", t: "\\t", r: "\\r", f: "\\f", v: "\\v", a: "\\x07" },
};
const BORDER = `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`;
// None in an empty text, as in Python before 3.14.
const NO_BORDER = `(?!^$)(?:(?<=[${WORD}])(?=[${WORD}])|(?<![${WORD}])(?![${WORD}]))`;
// JavaScript's own, which without the flag m mean the text's beginning and end.
const START = "^";
const END = "$";

/** @throws PatternError */
export function translatePattern(pattern: string, flags: Flags): Translated {
  const [begin, letters = ""] = /^\(\?([aiLmsux]+)\)/.exec(pattern) ?? [""];
  if (/[aLx]/.test(letters)) throw new PatternError(`the flags (?${letters}) are not known here`);
  const all = {
    ignoreCase: flags.ignoreCase || letters.includes("i"),
    dotAll: flags.dotAll || letters.includes("s"),
    multiline: flags.multiline || letters.includes("m"),
  };
  const source = new Translator(pattern.slice(begin.length), all).translate();
  try {
    new RegExp(source, "v");
  } catch (cause) {
    throw new PatternError(`${JSON.stringify(pattern)} is no pattern: ${(cause as Error).message}`, { cause });
  }
  return { source, ignoreCase: all.ignoreCase === true };
}

class Translator {
  readonly #text: string;
  readonly #flags: Flags;
  #at = 0;

  constructor(text: string, flags: Flags) {
    this.#text = text;
    this.#flags = flags;
  }

  translate(): string {
    let made = "";
    while (this.#at < this.#text.length) made += this.#piece();
    return made;
  }

  #piece(): string {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) as number);
    const next = this.#text[this.#at + 1] ?? "";
    switch (character) {
      case "\\":
        return this.#escape();
      case "[":
        return this.#class();
      case "(":
        return this.#group();
      case ".":
        return this.#take(1, this.#flags.dotAll ? "[\\s\\S]" : "[^\\n]");
      case "^":
        return this.#take(1, this.#flags.multiline ? "(?<![^\\n])" : START);
      case "$":
        return this.#take(1, this.#flags.multiline ? `(?=\\n|${END})` : `(?=\\n?${END})`);
      case "*":
      case "+":
      case "?":
        if (next === "+") throw new PatternError(`the quantifier ${character}+ is not known here`);
        return this.#take(1, character);
      case "{":
        return this.#repeat();
      case ")":
      case "|":
        return this.#take(1, character);
      default:
        return this.#take(character.length, literal(character));
    }
  }

  #take(length: number, made: string): string {
    this.#at += length;
    return made;
  }

  #matched(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    return expression.exec(this.#text) ?? undefined;
  }

  /** {2,5}, or a brace that repeats nothing. */
  #repeat(): string {
    const found = this.#matched(/\{(\d*)(,?)(\d*)\}/y);
    const [all = "", least = "", comma = "", most = ""] = found ?? [];
    if (!found || (least === "" && comma === "")) return this.#take(1, "\\{");
    if (this.#text[this.#at + all.length] === "+") throw new PatternError("the quantifier {}+ is not known here");
    return this.#take(all.length, `{${least || "0"}${comma}${most}}`);
  }

  #group(): string {
    const [all = "", kind = ""] = this.#matched(/\((\?(?:P<\w+>|P=\w+\)|#[^)]*\)|<[=!]|[:=!]|.)?)?/sy) ?? [];
    if (kind === "") return this.#take(1, "(");
    if (kind.startsWith("?P<")) return this.#take(all.length, `(?<${kind.slice(3)}`);
    if (kind.startsWith("?P=")) return this.#take(all.length, `\\k<${kind.slice(3, -1)}>`);
    if (kind.startsWith("?#")) return this.#take(all.length, "");
    if (/^\?(?:[:=!]|<[=!])$/.test(kind)) return this.#take(all.length, all);
    throw new PatternError(`the group (${kind}…) is not known here`);
  }

  #escape(): string {
    const next = this.#text[this.#at + 1] ?? "";
    if (next === "") throw new PatternError("the pattern ends with a backslash");
    const set = SETS[next.toLowerCase()];
    if (set !== undefined) return this.#take(2, next === next.toLowerCase() ? `[${set}]` : `[^${set}]`);
    if (next === "A") return this.#take(2, START);
    if (next === "Z") return this.#take(2, END);
    if (next === "b") return this.#take(2, BORDER);
    if (next === "B") return this.#take(2, NO_BORDER);
    const back = this.#matched(/\\([1-9]\d?)/y);
    if (back) return this.#take(back[0].length, `(?:\\${back[1]})`);
    return this.#character();
  }

  /** One character behind a backslash, in a class or outside. */
  #character(): string {
    const found = this.#matched(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(0[0-7]{0,2}|[0-7]{3}))/y);
    if (found) {
      const [all, two, four, eight, octal] = found;
      const code = octal ? Number.parseInt(octal, 8) : Number.parseInt(two ?? four ?? eight ?? "", 16);
      return this.#take(all.length, `\\u{${code.toString(16)}}`);
    }
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at + 1) as number);
    const letter = LETTERS[character];
    if (letter === undefined && /[A-Za-z\d]/.test(character)) {
      throw new PatternError(`\\${character} is not known here`);
    }
    return this.#take(1 + character.length, letter ?? literal(character));
  }

  #class(): string {
    this.#at += 1;
    const negated = this.#text[this.#at] === "^";
    if (negated) this.#at += 1;
    let made = "";
    for (let first = true; first || this.#text[this.#at] !== "]"; first = false) {
      const from = this.#member();
      const to = this.#text[this.#at + 1];
      if (from.set || this.#text[this.#at] !== "-" || to === "]" || to === undefined) {
        made += from.made;
        continue;
      }
      this.#at += 1;
      const end = this.#member();
      if (end.set) throw new PatternError("a range ends with a set");
      made += `${from.made}-${end.made}`;
    }
    this.#at += 1;
    return `[${negated ? "^" : ""}${made}]`;
  }

  #member(): { readonly made: string; readonly set: boolean } {
    if (this.#at >= this.#text.length) throw new PatternError("a class has no end");
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) as number);
    if (character !== "\\") return { made: this.#take(character.length, member(character)), set: false };
    const next = this.#text[this.#at + 1] ?? "";
    const set = SETS[next.toLowerCase()];
    if (set !== undefined) return { made: this.#take(2, next === next.toLowerCase() ? set : `[^${set}]`), set: true };
    if (next === "b") return { made: this.#take(2, "\\x08"), set: false };
    return { made: this.#character(), set: false };
  }
}

function literal(character: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}

function member(character: string): string {
  return /[\^$\\.*+?()[\]{}|/\-&!#%,:;<=>@`~]/.test(character) ? `\\${character}` : character;
}
