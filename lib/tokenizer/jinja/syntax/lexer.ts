// Cuts a template into tokens, as jinja2 does. With trim_blocks and lstrip_blocks, which chat templates have, the first line
// break after a tag is left out, and so is white space between the start of a line and a tag.

import { isIdentifier, WHITE_SPACE } from "../text/characters.js";
import { strip } from "../text/strip.js";
import { stringLiteral } from "./stringLiteral.js";
import { syntaxError } from "./syntaxError.js";

export type TokenType =
  | ("data" | "variable_begin" | "variable_end" | "block_begin" | "block_end" | "eof")
  | ("name" | "string" | "integer" | "float" | "operator");

export interface Token {
  readonly type: TokenType;
  /** A name, an operator or a text; digits of a number, without underscores. */
  readonly value: string;
  readonly line: number;
}

const WHITE = `[${WHITE_SPACE}]`;
const SPACE = new RegExp(`${WHITE}*`, "uy");
const OPENING = /\{(?:%|\{|#)/g;
const RAW = new RegExp(`\\{%([-+]?)${WHITE}*raw${WHITE}*(-%\\}${WHITE}*|%\\})`, "uy");
const ENDRAW = new RegExp(`\\{%([-+]?)${WHITE}*endraw${WHITE}*(?:\\+%\\}|-%\\}${WHITE}*|%\\})`, "ug");
const ENDS = {
  block: new RegExp(`\\+%\\}|-%\\}${WHITE}*|%\\}`, "uy"),
  variable: new RegExp(`-\\}\\}${WHITE}*|\\}\\}`, "uy"),
};
const FLOAT = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{XID_Continue}\p{L}\p{N}_]+/uy;
const STRING = /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/suy;
const OPERATOR = /\/\/|\*\*|[=!<>]=|[-+/*%~[\](){}<>=.:|,;]/y;
const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** What of a template's white space is left out. */
export interface WhiteSpace {
  /** trim_blocks and lstrip_blocks: around tags. */
  readonly trims: boolean;
  /** keep_trailing_newline: the line break at the template's end stays. */
  readonly keepsLastBreak: boolean;
}

/** @throws PythonError TemplateSyntaxError for what is no Jinja. */
export function tokenize(template: string, { trims, keepsLastBreak }: WhiteSpace): Token[] {
  const text = template.replace(/\r\n?/g, "\n");
  return new Lexer(text.endsWith("\n") && !keepsLastBreak ? text.slice(0, -1) : text, trims).tokens();
}

class Lexer {
  readonly #text: string;
  readonly #trims: boolean;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  /** Up to where lines are counted. */
  #counted = 0;
  /** Whether what came last ended a line. */
  #lineStarts = true;

  constructor(text: string, trims: boolean) {
    this.#text = text;
    this.#trims = trims;
  }

  tokens(): Token[] {
    while (this.#at < this.#text.length) this.#root();
    this.#push("eof", "");
    return this.#tokens;
  }

  /** Text up to a tag, and the tag. */
  #root(): void {
    OPENING.lastIndex = this.#at;
    const match = OPENING.exec(this.#text);
    if (match === null) {
      this.#data(this.#text.slice(this.#at));
      this.#at = this.#text.length;
      return;
    }
    const before = this.#text.slice(this.#at, match.index);
    const raw = match[0] === "{%" ? this.#matchAt(RAW, match.index) : undefined;
    const sign = raw === undefined ? this.#signAt(match.index + 2) : (raw[1] as string);
    this.#data(this.#trimmed(before, sign, match[0] !== "{{"));
    const length = raw === undefined ? 2 + sign.length : raw[0].length;
    this.#lineStarts = raw?.[0].endsWith("\n") ?? false;
    this.#at = match.index + length;
    if (raw !== undefined) this.#raw();
    else if (match[0] === "{#") this.#comment();
    else this.#tag(match[0] === "{%" ? "block" : "variable");
  }

  #signAt(index: number): string {
    const sign = this.#text.charAt(index);
    return sign === "-" || sign === "+" ? sign : "";
  }

  /** The text before a tag, whose white space the tag may take away. */
  #trimmed(before: string, sign: string, stripsLine: boolean): string {
    if (sign === "-") return strip(before, false, true);
    if (sign === "+" || !stripsLine || !this.#trims) return before;
    const start = before.lastIndexOf("\n") + 1;
    if (start === 0 && !this.#lineStarts) return before;
    return strip(before.slice(start), true, false) === "" ? before.slice(0, start) : before;
  }

  #data(value: string): void {
    if (value !== "") this.#push("data", value);
  }

  #comment(): void {
    const end = this.#text.indexOf("#}", this.#at);
    if (end < 0) {
      if (this.#at < this.#text.length) throw syntaxError("Missing end of comment tag", this.#lineAt(this.#at));
      return;
    }
    const sign = end > this.#at ? this.#signAt(end - 1) : "";
    this.#at = end + 2;
    if (sign === "-") this.#skipSpace();
    else if (sign === "") this.#skipBreak();
    this.#lineStarts = this.#text.charAt(this.#at - 1) === "\n";
  }

  #raw(): void {
    if (this.#at >= this.#text.length) return;
    ENDRAW.lastIndex = this.#at;
    const match = ENDRAW.exec(this.#text);
    if (match === null) throw syntaxError("Missing end of raw directive", this.#lineAt(this.#at));
    this.#data(this.#trimmed(this.#text.slice(this.#at, match.index), match[1] as string, true));
    this.#at = match.index + match[0].length;
    if (/[^-+]%\}$/.test(match[0])) this.#skipBreak();
    this.#lineStarts = this.#text.charAt(this.#at - 1) === "\n";
  }

  /** The line break right after a tag. */
  #skipBreak(): void {
    if (this.#trims && this.#text.charAt(this.#at) === "\n") this.#at += 1;
  }

  #tag(kind: "block" | "variable"): void {
    this.#push(`${kind}_begin`, "");
    const open: string[] = [];
    for (;;) {
      const end = open.length === 0 ? this.#matchAt(ENDS[kind], this.#at) : undefined;
      if (end !== undefined) {
        this.#push(`${kind}_end`, "");
        this.#at += end[0].length;
        if (kind === "block" && end[0] === "%}") this.#skipBreak();
        this.#lineStarts = this.#text.charAt(this.#at - 1) === "\n";
        return;
      }
      this.#skipSpace();
      if (this.#at >= this.#text.length) return;
      if (open.length === 0 && this.#matchAt(ENDS[kind], this.#at) !== undefined) continue;
      this.#token(open);
    }
  }

  #token(open: string[]): void {
    const line = this.#lineAt(this.#at);
    const type = (["float", "integer", "name", "string", "operator"] as const).find(
      (one) => this.#matchAt(PATTERNS[one], this.#at) !== undefined,
    );
    if (type === undefined) {
      const character = String.fromCodePoint(this.#text.codePointAt(this.#at) as number);
      throw syntaxError(`unexpected char '${character}' at ${this.#at}`, line);
    }
    const [value] = this.#matchAt(PATTERNS[type], this.#at) as RegExpExecArray;
    if (type === "operator") balance(open, value, line);
    if (type === "name" && !isIdentifier(value)) throw syntaxError("Invalid character in identifier", line);
    const number = type === "integer" || type === "float";
    const read =
      type === "string" ? stringLiteral(value.slice(1, -1), line) : number ? value.replaceAll("_", "") : value;
    this.#push(type, read);
    this.#at += value.length;
  }

  #skipSpace(): void {
    this.#at += this.#matchAt(SPACE, this.#at)?.[0].length ?? 0;
  }

  #matchAt(pattern: RegExp, index: number): RegExpExecArray | undefined {
    pattern.lastIndex = index;
    return pattern.exec(this.#text) ?? undefined;
  }

  #lineAt(index: number): number {
    for (; this.#counted < index; this.#counted += 1) if (this.#text.charAt(this.#counted) === "\n") this.#line += 1;
    return this.#line;
  }

  #push(type: TokenType, value: string): void {
    this.#tokens.push({ type, value, line: this.#lineAt(this.#at) });
  }
}

const PATTERNS = { float: FLOAT, integer: INTEGER, name: NAME, string: STRING, operator: OPERATOR };

/** Keeps count of what is open. */
function balance(open: string[], operator: string, line: number): void {
  const closing = CLOSING[operator];
  if (closing !== undefined) open.push(closing);
  if (operator !== ")" && operator !== "]" && operator !== "}") return;
  const expected = open.pop();
  if (expected === undefined) throw syntaxError(`unexpected '${operator}'`, line);
  if (expected !== operator) throw syntaxError(`unexpected '${operator}', expected '${expected}'`, line);
}
