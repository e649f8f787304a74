// The token for text that a vocabulary cannot express, and the byte tokens that can stand in for it.

import { RetemperError } from "../../errors.js";
import { quote, show } from "../addedTokens.js";

/** A function that gives the id of `unk_token`; one that fails where the model names a token that it does not have. */
export type UnknownId = () => number | undefined;

/** @throws RetemperError BAD_INPUT, from the function, when the token is needed and missing. */
export function unknownId(token: unknown, vocabulary: ReadonlyMap<string, number>, file: string): UnknownId {
  if (token === null || token === undefined) return () => undefined;
  const id = typeof token === "string" ? vocabulary.get(token) : undefined;
  return () => {
    if (id !== undefined) return id;
    const named = typeof token === "string" ? quote(token) : show(token);
    throw new RetemperError("BAD_INPUT", `the text needs the unknown token ${named}, which is not in the vocabulary`, {
      file,
    });
  };
}

/** Ids of the 256 byte tokens <0x00> to <0xFF>; -1 for one that is missing. */
export function byteTokenIds(vocabulary: ReadonlyMap<string, number>): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    const name = `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
    return vocabulary.get(name) ?? -1;
  });
}

/** Appends the byte tokens of a text; false, and nothing appended, if one is missing. */
export function pushBytes(text: string, bytes: Int32Array, push: (id: number) => void): boolean {
  const utf8 = Buffer.from(text, "utf8");
  if (utf8.some((byte) => bytes[byte] === -1)) return false;
  for (const byte of utf8) push(bytes[byte] as number);
  return true;
}
