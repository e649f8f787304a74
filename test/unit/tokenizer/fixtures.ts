// Tokenizer folders made on the spot, in the place for temporary files, which goes when the tests have ended.

import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RetemperError } from "../../../lib/errors.js";
import type { ModelReference } from "../../../lib/recipe/types.js";

const root = mkdtempSync(join(tmpdir(), "retemper-tokenizer-"));

let made = 0;

/** A new folder with the given files; values that are no text are written as JSON. */
export function folderWith(files: Readonly<Record<string, unknown>>): string {
  made += 1;
  const folder = join(root, `model${made}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    const text =
      typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content, null, 2);
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** tokenizer.json of a word-level model: tokens in the order of their ids, then added tokens. */
export function wordLevel(tokens: readonly string[], added: readonly string[] = []): Record<string, unknown> {
  return {
    version: "1.0",
    added_tokens: added.map((content, index) => addedToken(tokens.length + index, content)),
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      unk_token: tokens[0],
    },
  };
}

export function addedToken(id: number, content: string, flags: Record<string, unknown> = {}): Record<string, unknown> {
  const none = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return { id, content, ...none, ...flags };
}

export function reference(path: string): ModelReference {
  return { text: path, path };
}

/** The RetemperError that `action` ends with. */
export async function failureOf(action: () => unknown): Promise<RetemperError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof RetemperError) return error;
    throw error;
  }
  throw new Error("expected a RetemperError, but nothing was thrown");
}
