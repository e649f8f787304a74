// The normalizers of tokenizer.json, as functions from text to text. Each does what the tokenizers library does for the
// same entry, which differs from JavaScript's own notions of white space, case and punctuation.

import { RetemperError } from "../../errors.js";
import { asRecord, show } from "../addedTokens.js";
import { bertNormalizer } from "./bertNormalizer.js";
import { toByteCharacters } from "./byteLevel.js";
import { lowercase } from "./lowercase.js";
import { compilePattern } from "./pattern.js";

export type Normalize = (text: string) => string;

/**
 * Compiles `normalizer`; null does nothing.
 * @throws RetemperError BAD_INPUT for a type that is not known here.
 */
export function compileNormalizer(value: unknown, file: string): Normalize {
  if (value === null || value === undefined) return (text) => text;
  const spec = asRecord(value, "a normalizer", file);
  switch (spec.type) {
    case "Sequence": {
      const steps = listOf(spec.normalizers, "normalizers", file).map((step) => compileNormalizer(step, file));
      return (text) => steps.reduce((result, step) => step(result), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = spec.type;
      return (text) => text.normalize(form);
    }
    case "Lowercase":
      return lowercase;
    case "Strip":
      return strip(spec.strip_left === true, spec.strip_right === true);
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Prepend": {
      const prefix = textOf(spec.prepend, "prepend", file);
      return (text) => (text === "" ? "" : prefix + text);
    }
    case "Replace":
      return replacement(spec, file);
    case "ByteLevel":
      return toByteCharacters;
    case "BertNormalizer":
      return bertNormalizer(spec);
    default:
      throw new RetemperError("BAD_INPUT", `the normalizer ${show(spec.type)} is not known`, { file });
  }
}

function strip(left: boolean, right: boolean): Normalize {
  const start = /^\p{White_Space}+/u;
  return (text) => {
    const rest = left ? text.replace(start, "") : text;
    return right ? trimEnd(rest) : rest;
  };
}

const SPACE = /\p{White_Space}/u;

function trimEnd(text: string): string {
  let end = text.length;
  // White space has no characters outside the basic plane.
  while (end > 0 && SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** A `Replace` entry, for normalizers and decoders. */
export function replacement(spec: Record<string, unknown>, file: string): (text: string) => string {
  const pattern = compilePattern(spec.pattern, file);
  const content = textOf(spec.content, "content", file);
  // A function, since a text would have $& and the like replaced in it.
  return (text) => text.replace(pattern, () => content);
}

/** Texts that a step puts into others have a few characters; more would only blow texts up. */
const MAX_CONTENT = 256;

/** A short text of a step. */
export function textOf(value: unknown, what: string, file: string): string {
  if (typeof value === "string" && value.length <= MAX_CONTENT) return value;
  const message = `${what} is ${show(value)}; expected a text of at most ${MAX_CONTENT} characters`;
  throw new RetemperError("BAD_INPUT", message, { file });
}

/** A single character. */
export function characterOf(value: unknown, what: string, file: string): string {
  if (typeof value === "string" && Array.from(value).length === 1) return value;
  throw new RetemperError("BAD_INPUT", `${what} is ${show(value)}; expected one character`, { file });
}

export function listOf(value: unknown, what: string, file: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new RetemperError("BAD_INPUT", `${what} is ${show(value)}; expected a list`, { file });
}
