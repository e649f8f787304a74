// Added tokens: the ones a tokenizer matches as a whole before its model sees the text. They are listed in
// tokenizer.json, and older checkpoints name further ones only in tokenizer_config.json or added_tokens.json.

import { RetemperError } from "../errors.js";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Matched only between word boundaries. */
  readonly singleWord: boolean;
  /** Takes the white space on its left, right. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Matched in the normalised text and not in the original one. */
  readonly normalized: boolean;
  /** Left out when text is decoded without special tokens. */
  readonly special: boolean;
}

/** Ids are below this. The largest published vocabularies have about a million tokens. */
export const MAX_TOKENS = 4_194_304;

/** A token id: an integer in [0, MAX_TOKENS). */
export function checkId(id: unknown, token: string, file: string): number {
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
    throw new RetemperError("BAD_INPUT", `token ${quote(token)} has the id ${show(id)}; ids are integers from 0`, {
      file,
    });
  }
  if (id >= MAX_TOKENS) {
    throw new RetemperError("BAD_INPUT", `token ${quote(token)} has the id ${id}; ids must be below ${MAX_TOKENS}`, {
      file,
    });
  }
  return id;
}

/** A token's text: well-formed Unicode, since other readers refuse anything else. */
export function checkContent(content: unknown, file: string): string {
  if (typeof content !== "string") {
    throw new RetemperError("BAD_INPUT", `a token is ${show(content)}; expected a string`, { file });
  }
  // With the u flag this class matches only surrogates that are not part of a pair.
  if (/[\ud800-\udfff]/u.test(content)) {
    throw new RetemperError("BAD_INPUT", `token ${quote(content)} is not well-formed Unicode`, { file });
  }
  return content;
}

/** Reads `added_tokens` of tokenizer.json; absent or null is an empty list. */
export function parseAddedTokens(list: unknown, file: string): AddedToken[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw new RetemperError("BAD_INPUT", "added_tokens is not a list", { file });
  return list.map((entry: unknown) => {
    const record = asRecord(entry, "an entry of added_tokens", file);
    const content = checkContent(record.content, file);
    return { ...parseFlags(record, content, file), id: checkId(record.id, content, file) };
  });
}

/** Content and flags of one token object; `id` is left to the caller. */
export function parseFlags(record: Record<string, unknown>, content: string, file: string): Omit<AddedToken, "id"> {
  const flag = (name: string, fallback: boolean): boolean => {
    const value = record[name] ?? fallback;
    if (typeof value === "boolean") return value;
    throw new RetemperError("BAD_INPUT", `token ${quote(content)}: ${name} is ${show(value)}; expected a boolean`, {
      file,
    });
  };
  const special = flag("special", false);
  return {
    content,
    singleWord: flag("single_word", false),
    lstrip: flag("lstrip", false),
    rstrip: flag("rstrip", false),
    normalized: flag("normalized", !special),
    special,
  };
}

/** What tokenizer.json says of an added token, in its key order. */
export function addedTokenJson(token: AddedToken): Record<string, unknown> {
  const { id, content, singleWord, lstrip, rstrip, normalized, special } = token;
  return { id, content, single_word: singleWord, lstrip, rstrip, normalized, special };
}

export function sameFlags(x: AddedToken, y: AddedToken): boolean {
  return (
    x.singleWord === y.singleWord &&
    x.lstrip === y.lstrip &&
    x.rstrip === y.rstrip &&
    x.normalized === y.normalized &&
    x.special === y.special
  );
}

export function asRecord(value: unknown, what: string, file: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new RetemperError("BAD_INPUT", `${what} is ${show(value)}; expected an object`, { file });
}

/** A token in quotes, cut to a readable length. */
export function quote(token: string): string {
  return JSON.stringify(token.length > 60 ? `${token.slice(0, 60)}…` : token);
}

/** A value of unknown type, short. */
export function show(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return quote(value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return String(value);
}
