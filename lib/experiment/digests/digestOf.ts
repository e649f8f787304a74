// Typed digests: what a step's inputs hold. A plain text, such as a path, cannot stand where a digest belongs.

import { createHash } from "node:crypto";

/** What a digest is of. */
export type DigestKind = "model" | "data" | "items" | "scorers" | "settings" | "answerer" | "step";

declare const kind: unique symbol;

/** sha256, in hex, of something of this kind. */
export type Digest<K extends DigestKind = DigestKind> = string & { readonly [kind]: K };

/** Of a value without paths and times: object keys in any order, and those that are undefined left out. */
export function digestOf<K extends DigestKind>(of: K, value: unknown): Digest<K> {
  const text = JSON.stringify([of, value], (_, one: unknown) => (isPlain(one) ? sorted(one) : one));
  return createHash("sha256").update(text).digest("hex") as Digest<K>;
}

/** A digest that was found elsewhere, such as of a model's files. */
export function asDigest<K extends DigestKind>(_: K, hex: string): Digest<K> {
  return hex as Digest<K>;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
