// The added tokens of a tokenizer as transformers has them: those of tokenizer.json, with the flags that
// tokenizer_config.json gives them, and which of them are special.

import { join } from "node:path";
import { type AddedToken, asRecord, checkContent, parseFlags } from "./addedTokens.js";
import type { ParsedTokenizer } from "./readTokenizer.js";

export interface EffectiveTokens {
  readonly added: readonly AddedToken[];
  /** Texts of special tokens: once a token is special, no file takes that back. */
  readonly special: ReadonlySet<string>;
  /** Texts of bos_token and the like, by those names: chat templates use them. */
  readonly named: Readonly<Record<string, string>>;
}

export function effectiveTokens({ files, config }: ParsedTokenizer): EffectiveTokens {
  const file = join(files.folder, "tokenizer_config.json");
  const added = new Map(files.added.map((token) => [token.content, token]));
  const special = new Set(files.added.filter((token) => token.special).map(({ content }) => content));

  const listed = config.added_tokens_decoder ?? undefined;
  const entries = listed === undefined ? [] : Object.values(asRecord(listed, "added_tokens_decoder", file));
  const listedTexts = new Set<string>();
  for (const entry of entries) {
    const record = asRecord(entry, "an entry of added_tokens_decoder", file);
    const flags = parseFlags(record, checkContent(record.content, file), file);
    const known = added.get(flags.content);
    listedTexts.add(flags.content);
    if (flags.special) special.add(flags.content);
    if (known !== undefined) added.set(flags.content, { ...flags, id: known.id });
  }
  const named = namedTokens(config);
  for (const text of Object.values(named)) {
    // A name makes a token special where the list that counts knows the token.
    if (listed === undefined || listedTexts.has(text)) special.add(text);
  }
  return { added: [...added.values()], special, named };
}

/** Every `…_token` of the configuration, given as text or as a token object. */
function namedTokens(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const further = config.extra_special_tokens;
  const values = { ...config, ...(typeof further === "object" && !Array.isArray(further) ? further : {}) };
  const named: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    const text = typeof value === "object" && value !== null ? (value as Record<string, unknown>).content : value;
    if (name.endsWith("_token") && typeof text === "string") named[name] = text;
  }
  return named;
}
