// Reads a checkpoint's tokenizer: tokenizer.json and what the files beside it add to its vocabulary.
// Nothing is tokenized here; the vocabulary with its ids is all that a merge needs.

import { join } from "node:path";
import { CONFIG_LIMIT, parseObject, readText } from "../checkpoint/json.js";
import { listFolder, openFolder, optionalFileOf } from "../checkpoint/modelFolder.js";
import { RetemperError } from "../errors.js";
import {
  type AddedToken,
  asRecord,
  checkContent,
  MAX_TOKENS,
  parseAddedTokens,
  parseFlags,
  quote,
} from "./addedTokens.js";
import { readVocabulary, type TokenizerModelType } from "./vocabulary.js";

export interface TokenizerFiles {
  readonly folder: string;
  readonly modelType: TokenizerModelType;
  /** The text of tokenizer.json, and of the others where they exist. */
  readonly tokenizerText: string;
  readonly configText?: string;
  readonly addedTokensText?: string;
  /** Token -> id, added tokens included. */
  readonly ids: ReadonlyMap<string, number>;
  /** Id -> token; undefined where an id has none. Its length is the largest id plus one. */
  readonly tokens: readonly (string | undefined)[];
  /** In the order of their ids. */
  readonly added: readonly AddedToken[];
  readonly warnings: readonly string[];
}

/** Largest size of tokenizer.json in bytes; those of quarter-million-token vocabularies take about 35 MB. */
const TOKENIZER_LIMIT = 268_435_456;

/** Files that hold a vocabulary in forms that only transformers can turn into a tokenizer.json. */
const OTHER_FORMS = [
  "tokenizer.model",
  "spiece.model",
  "sentencepiece.bpe.model",
  "vocab.json",
  "merges.txt",
  "vocab.txt",
];

/** Keys of tokenizer_config.json that name one token, in the order in which transformers adds those it does not find. */
const NAMED_TOKENS = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/** A tokenizer as read, with the contents of its files. */
export interface ParsedTokenizer {
  readonly files: TokenizerFiles;
  /** Of tokenizer.json. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Of tokenizer_config.json, with special_tokens_map.json over it where that counts. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The model's own tokens, without added ones. */
  readonly vocabulary: ReadonlyMap<string, number>;
}

/**
 * Reads the tokenizer in a model's folder.
 * @param withoutOne hint of the error where there is none
 * @throws RetemperError BAD_INPUT when there is no tokenizer.json, or when it cannot be trusted.
 */
export async function readTokenizer(folder: string, withoutOne?: string): Promise<TokenizerFiles> {
  return (await parseTokenizer(folder, withoutOne)).files;
}

/** As `readTokenizer`, for those who need more than the vocabulary. */
export async function parseTokenizer(folder: string, withoutOne?: string): Promise<ParsedTokenizer> {
  const file = join(folder, "tokenizer.json");
  const tokenizerText = await textOf(folder, "tokenizer.json", TOKENIZER_LIMIT);
  if (tokenizerText === undefined) throw await noTokenizer(folder, withoutOne);
  const configText = await textOf(folder, "tokenizer_config.json");
  const addedTokensText = await textOf(folder, "added_tokens.json");
  const specialTokensText = await textOf(folder, "special_tokens_map.json");

  const json = parseObject(file, tokenizerText);
  const { type, ids, warnings } = readVocabulary(json.model, file);
  const vocabulary = new Map(ids);
  const named = new NamedIds(ids, file);
  for (const token of parseAddedTokens(json.added_tokens, file)) named.add(token, warnings);

  const ownConfig = jsonBeside(folder, "tokenizer_config.json", configText);
  const specials = jsonBeside(folder, "special_tokens_map.json", specialTokensText);
  // As in transformers: a configuration that lists the added tokens stands alone, else the map of special tokens counts.
  const alone = (ownConfig.added_tokens_decoder ?? undefined) !== undefined;
  const config = alone ? ownConfig : { ...ownConfig, ...specials };
  for (const token of [
    ...tokensOfDecoder(ownConfig, join(folder, "tokenizer_config.json")),
    ...tokensOfMap(folder, addedTokensText),
    ...specialTokens(config, join(folder, "tokenizer_config.json")),
  ]) {
    named.append(token);
  }
  const files = {
    folder,
    modelType: type,
    tokenizerText,
    ...(configText === undefined ? {} : { configText }),
    ...(addedTokensText === undefined ? {} : { addedTokensText }),
    ids,
    tokens: named.tokens,
    added: [...named.added].sort((x, y) => x.id - y.id),
    warnings,
  };
  return { files, json, config, vocabulary };
}

/**
 * The text of a file of a model's folder; undefined if there is none.
 * @param limit Largest size in bytes.
 */
export async function textOf(folder: string, name: string, limit = CONFIG_LIMIT): Promise<string | undefined> {
  const path = await optionalFileOf(await openFolder(folder), name);
  return path === undefined ? undefined : await readText(path, limit);
}

/** Both directions of a vocabulary, kept consistent while added tokens come in. */
class NamedIds {
  readonly tokens: (string | undefined)[] = [];
  readonly added: AddedToken[] = [];
  readonly #ids: Map<string, number>;
  readonly #file: string;
  readonly #seen = new Set<string>();

  constructor(ids: Map<string, number>, file: string) {
    this.#ids = ids;
    this.#file = file;
    let largest = -1;
    for (const id of ids.values()) largest = Math.max(largest, id);
    this.tokens = new Array<string | undefined>(largest + 1).fill(undefined);
    for (const [token, id] of ids) this.tokens[id] = token;
  }

  /** An added token of tokenizer.json, with the id that it states. */
  add(token: AddedToken, warnings: string[]): void {
    if (this.#seen.has(token.content)) {
      throw new RetemperError("BAD_INPUT", `added token ${quote(token.content)} is listed twice`, { file: this.#file });
    }
    this.#seen.add(token.content);
    const known = this.#ids.get(token.content);
    if (known !== undefined) {
      // The model's own id counts, as in the tokenizers library.
      if (known !== token.id) {
        warnings.push(
          `${this.#file}: added token ${quote(token.content)} has the id ${token.id}, its vocabulary ${known}`,
        );
      }
      this.added.push({ ...token, id: known });
      return;
    }
    const other = this.tokens[token.id];
    if (other !== undefined) {
      const message = `tokens ${quote(other)} and ${quote(token.content)} have the same id ${token.id}`;
      throw new RetemperError("BAD_INPUT", message, { file: this.#file });
    }
    this.#put(token);
  }

  /** A token that only the files beside tokenizer.json know: transformers gives it the next free id. */
  append(token: Omit<AddedToken, "id">): void {
    if (this.#ids.has(token.content)) return;
    if (this.tokens.length >= MAX_TOKENS) {
      throw new RetemperError("BAD_INPUT", `has more than ${MAX_TOKENS} tokens`, { file: this.#file });
    }
    this.#put({ ...token, id: this.tokens.length });
  }

  #put(token: AddedToken): void {
    while (this.tokens.length < token.id) this.tokens.push(undefined);
    this.tokens[token.id] = token.content;
    this.#ids.set(token.content, token.id);
    this.added.push(token);
  }
}

function jsonBeside(folder: string, name: string, text: string | undefined): Record<string, unknown> {
  return text === undefined ? {} : parseObject(join(folder, name), text);
}

/** `added_tokens_decoder`: id -> token object. */
function tokensOfDecoder(config: Record<string, unknown>, file: string): Omit<AddedToken, "id">[] {
  if (config.added_tokens_decoder === undefined || config.added_tokens_decoder === null) return [];
  return Object.values(asRecord(config.added_tokens_decoder, "added_tokens_decoder", file)).map((entry) => {
    const record = asRecord(entry, "an entry of added_tokens_decoder", file);
    return parseFlags(record, checkContent(record.content, file), file);
  });
}

/** added_tokens.json: token -> id, of older checkpoints. */
function tokensOfMap(folder: string, text: string | undefined): Omit<AddedToken, "id">[] {
  const file = join(folder, "added_tokens.json");
  const entries = Object.entries(jsonBeside(folder, "added_tokens.json", text));
  const id = ([token, value]: [string, unknown]): number => {
    if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
    throw new RetemperError("BAD_INPUT", `the id of token ${quote(token)} is not an integer from 0`, { file });
  };
  return entries
    .map((entry) => ({ id: id(entry), content: checkContent(entry[0], file) }))
    .sort((x, y) => x.id - y.id)
    .map(({ content }) => parseFlags({}, content, file));
}

/** bos_token and the like, as text or as a token object, then the further special tokens. */
function specialTokens(config: Record<string, unknown>, file: string): Omit<AddedToken, "id">[] {
  const further = config.extra_special_tokens ?? config.additional_special_tokens;
  const list: unknown[] = Array.isArray(further)
    ? further
    : typeof further === "object" && further !== null
      ? Object.values(further)
      : [];
  return [...NAMED_TOKENS.map((key) => config[key]), ...list].flatMap((value) => {
    if (typeof value === "string" && value !== "")
      return [parseFlags({ special: true }, checkContent(value, file), file)];
    if (typeof value !== "object" || value === null || !("content" in value)) return [];
    return [parseFlags({ ...value, special: true }, checkContent(value.content, file), file)];
  });
}

async function noTokenizer(folder: string, withoutOne = ""): Promise<RetemperError> {
  const names = await listFolder(await openFolder(folder));
  const other = OTHER_FORMS.filter((name) => names.includes(name));
  const convert = "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)";
  return new RetemperError(
    "BAD_INPUT",
    `has no tokenizer.json${other.length > 0 ? ` (only ${other.join(", ")})` : ""}`,
    {
      file: folder,
      hint: other.length > 0 ? `make one with transformers: ${convert}` : `add the model's tokenizer.json${withoutOne}`,
    },
  );
}
