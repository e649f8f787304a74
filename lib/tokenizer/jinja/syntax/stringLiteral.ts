// The text that a literal in quotes stands for, with Python's escapes.

import { asciiOnly } from "../values/textValue.js";
import { syntaxError } from "./syntaxError.js";

const SIMPLE: Readonly<Record<string, string>> = {
  ...{ "\n": "", "\\": "\\", "'": "'", '"': '"', a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
};
const ESCAPE = /\\(?:([0-7]{1,3})|x([\da-fA-F]{0,2})|u([\da-fA-F]{0,4})|U([\da-fA-F]{0,8})|(N)|(.))/gsu;

/** @param body What is between the quotes. */
export function stringLiteral(body: string, line: number): string {
  if (!body.includes("\\")) return body;
  return body.replace(
    ESCAPE,
    (whole, octal?: string, x?: string, u?: string, long?: string, named?: string, other = "") => {
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      if (named !== undefined) throw syntaxError("characters by name (\\N) are not known here", line);
      const digits = x ?? u ?? long;
      if (digits === undefined) return SIMPLE[other] ?? unknown(whole, other);
      const wanted = x !== undefined ? 2 : u !== undefined ? 4 : 8;
      if (digits.length < wanted) throw syntaxError(`truncated \\${whole.charAt(1)} escape`, line);
      const code = Number.parseInt(digits, 16);
      if (code > 0x10ffff) throw syntaxError("illegal Unicode character", line);
      return String.fromCodePoint(code);
    },
  );
}

/** Python escapes what is not ASCII before it reads escapes, so that a stroke before it takes the first one's effect. */
function unknown(whole: string, character: string): string {
  return (character.codePointAt(0) ?? 0) < 0x80 ? whole : asciiOnly(character);
}
