// The text of a tokenizer's files after tokens were added to it, or dropped because they have no embedding.
// Only the members that change are rewritten; every other byte stays as it is in the source.

import { join } from "node:path";
import { parseObject } from "../checkpoint/json.js";
import { type AddedToken, addedTokenJson } from "./addedTokens.js";
import { withMembers } from "./jsonMembers.js";
import type { TokenizerModel } from "./types.js";
import { mergePair } from "./vocabulary.js";

/**
 * Files of the source that change, by name; none where its vocabulary stays as it is.
 * @param appended New tokens, in the order of their ids.
 */
export function changedFiles(
  { folder, reference, tokenizer, embeddingRows }: TokenizerModel,
  appended: readonly AddedToken[],
): { changed: Map<string, string>; warnings: string[] } {
  const rows = embeddingRows ?? tokenizer.tokens.length;
  const dropped = tokenizer.tokens.length - Math.min(rows, tokenizer.tokens.length);
  const changed = new Map<string, string>();
  if (appended.length === 0 && dropped === 0) return { changed, warnings: [] };

  const added = [...tokenizer.added.filter(({ id }) => id < rows), ...appended];
  const edits = new Map([["added_tokens", indented(added.map(addedTokenJson))]]);
  if (dropped > 0) {
    const json = parseObject(join(folder, "tokenizer.json"), tokenizer.tokenizerText);
    const model = json.model as Record<string, unknown>;
    if (shortenModel(model, rows)) edits.set("model", JSON.stringify(model));
  }
  changed.set("tokenizer.json", withMembers(tokenizer.tokenizerText, edits));

  // The configuration and added_tokens.json also name the added tokens, if they have such a list.
  if (tokenizer.configText !== undefined) {
    const config = parseObject(join(folder, "tokenizer_config.json"), tokenizer.configText);
    if (typeof config.added_tokens_decoder === "object" && config.added_tokens_decoder !== null) {
      const kept = Object.entries(config.added_tokens_decoder).filter(([id]) => Number(id) < rows);
      const decoder = Object.fromEntries([...kept, ...appended.map(decoderEntry)]);
      const edit = new Map([["added_tokens_decoder", indented(decoder)]]);
      changed.set("tokenizer_config.json", withMembers(tokenizer.configText, edit));
    }
  }
  if (tokenizer.addedTokensText !== undefined) {
    const known = parseObject(join(folder, "added_tokens.json"), tokenizer.addedTokensText);
    const kept = Object.entries(known).filter(([, id]) => Number(id) < rows);
    const map = Object.fromEntries([...kept, ...appended.map(({ content, id }) => [content, id] as const)]);
    changed.set("added_tokens.json", `${JSON.stringify(map, undefined, 2)}\n`);
  }
  const warning = `${reference.text}: tokens without an embedding are left out of the tokenizer (${dropped}, from id ${rows})`;
  return { changed, warnings: dropped > 0 ? [warning] : [] };
}

function decoderEntry(token: AddedToken): [string, unknown] {
  const { id, ...rest } = addedTokenJson(token);
  return [String(id), rest];
}

/** Removes the pieces with ids from `rows` on and the merges that make them. False if there are none. */
function shortenModel(model: Record<string, unknown>, rows: number): boolean {
  if (Array.isArray(model.vocab)) {
    if (model.vocab.length <= rows) return false;
    model.vocab = model.vocab.slice(0, rows);
    return true;
  }
  const all = Object.entries(model.vocab as Record<string, number>);
  const kept = all.filter(([, id]) => id < rows);
  if (kept.length === all.length) return false;
  model.vocab = Object.fromEntries(kept);
  if (Array.isArray(model.merges)) {
    const tokens = new Set(kept.map(([token]) => token));
    const prefix = typeof model.continuing_subword_prefix === "string" ? model.continuing_subword_prefix : "";
    model.merges = (model.merges as unknown[]).filter((merge) => {
      const [left, right] = mergePair(merge) ?? ["", ""];
      const tail = prefix !== "" && right.startsWith(prefix) ? right.slice(prefix.length) : right;
      return tokens.has(left) && tokens.has(right) && tokens.has(left + tail);
    });
  }
  return true;
}

/** JSON as a top-level member of an indented file. */
function indented(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replaceAll("\n", "\n  ");
}
