// The instructions of a pickle that push what they hold: numbers, texts, bytes, constants.

import type { RetemperError } from "../../../errors.js";
import type { PickleBytes } from "./pickleBytes.js";
import { floatOf, integerOf, quotedText, unescapedText } from "./pickleLine.js";
import type { PickleStack } from "./pickleStack.js";

/** Longest number, in bytes: torch's magic number has 10. */
const LONGEST_NUMBER = 255;

/**
 * Does an instruction that pushes a number, a text or a constant; false for every other one.
 * @param refused the error for what a pickle does wrong
 */
export function pushLiteral(
  opcode: string,
  input: PickleBytes,
  stack: PickleStack,
  refused: (what: string) => RetemperError,
): boolean {
  const plain = <T>(value: T | undefined): T => {
    if (value === undefined) throw refused("has a number or a text that is none");
    return value;
  };
  const limited = (length: number, most: number): number => {
    if (length < 0 || length > most) throw refused(`has a length of ${length}`);
    return length;
  };
  switch (opcode) {
    case "N":
      stack.push(null);
      return true;
    case "\x88":
    case "\x89":
      stack.push(opcode === "\x88");
      return true;
    case "K":
      stack.push(input.u8());
      return true;
    case "M":
      stack.push(input.u16());
      return true;
    case "J":
      stack.push(input.i32());
      return true;
    case "G":
      stack.push(input.f64());
      return true;
    case "\x8a": // LONG1
      stack.pushInteger(input.long(input.u8()));
      return true;
    case "\x8b": // LONG4
      stack.pushInteger(input.long(limited(input.i32(), LONGEST_NUMBER)));
      return true;
    case "I":
    case "L": {
      const value = plain(integerOf(input.line()));
      if (typeof value === "boolean") stack.push(value);
      else stack.pushInteger(value);
      return true;
    }
    case "F":
      stack.push(plain(floatOf(input.line())));
      return true;
    case "S":
      stack.pushText(plain(quotedText(input.line())));
      return true;
    case "V": // UNICODE
      stack.pushText(plain(unescapedText(input.line())));
      return true;
    case "U": // SHORT_BINSTRING, SHORT_BINUNICODE
    case "\x8c":
      stack.pushText(input.text(input.u8()));
      return true;
    case "X":
      stack.pushText(input.text(input.u32()));
      return true;
    case "T": // BINSTRING
      stack.pushText(input.text(limited(input.i32(), Number.MAX_SAFE_INTEGER)));
      return true;
    case "\x8d": // BINUNICODE8
      stack.pushText(input.text(input.u64()));
      return true;
    case "C": // SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
    case "B":
    case "\x8e":
    case "\x96": {
      const length = opcode === "C" ? input.u8() : opcode === "B" ? input.u32() : input.u64();
      stack.push(input.bytes(length), 96 + length);
      return true;
    }
    default:
      return false;
  }
}
