// tokenizer.json as the metadata of a GGUF file: tokens, their types, merges or scores, special tokens, chat templates.

import type { JsonObject } from "../../../checkpoint/json.js";
import { RetemperError } from "../../../errors.js";
import type { GgufEntry } from "../../../plan/gguf/container.js";
import { preTokenizerName } from "./preTokenizer.js";
import { specialTokens, type TokenizerWords } from "./specialTokens.js";

/** llama.cpp's types of tokens. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;
/** The score of a token that no merge makes; of one that was added. */
const NO_SCORE = 0;
const ADDED_SCORE = -1000;

export interface TokenizerRequest extends TokenizerWords {
  /** The file's path or name, for messages. */
  readonly file: string;
  /** Rows of the embedding: ids without a token get a name of their own. */
  readonly vocabulary: number;
  readonly chatTemplate: ChatTemplate | undefined;
}

/** One template, or several with names. */
export type ChatTemplate = string | readonly { readonly name: string; readonly template: string }[];

/** @throws RetemperError INCOMPATIBLE for a tokenizer that llama.cpp cannot have. */
export function tokenizerEntries(request: TokenizerRequest): GgufEntry[] {
  const { tokenizer, settings, vocabulary, file } = request;
  const model = tokenizer.model as JsonObject;
  const merges = mergesOf(model, file);
  const pieces = model.byte_fallback === true;
  const name = pieces ? "default" : preTokenizerName(tokenizer);
  if (name === undefined) {
    throw new RetemperError("INCOMPATIBLE", "llama.cpp has no name for the way in which this tokenizer splits text", {
      file,
      hint: "write safetensors; a file that splits text in another way would give other tokens",
    });
  }
  const { tokens, types } = tokenList(tokenizer, vocabulary);
  const space = pieces ? spacePrefix(tokenizer, settings) : undefined;
  return [
    { key: "tokenizer.ggml.model", type: "string", value: pieces ? "llama" : "gpt2" },
    { key: "tokenizer.ggml.pre", type: "string", value: name },
    { key: "tokenizer.ggml.tokens", type: "strings", value: tokens },
    ...(pieces ? [{ key: "tokenizer.ggml.scores", type: "f32s", value: scores(merges, tokens, types) } as const] : []),
    { key: "tokenizer.ggml.token_type", type: "i32s", value: types },
    ...(pieces ? [] : [{ key: "tokenizer.ggml.merges", type: "strings", value: merges.map(mergeText) } as const]),
    ...specialTokens(request, vocabulary),
    ...(space === undefined ? [] : [{ key: "tokenizer.ggml.add_space_prefix", type: "bool", value: space } as const]),
    ...templateEntries(request.chatTemplate),
  ];
}

type Merge = readonly [string, string];

function mergesOf({ type, merges }: JsonObject, file: string): readonly Merge[] {
  if (type !== "BPE" || !Array.isArray(merges)) {
    throw new RetemperError(
      "INCOMPATIBLE",
      `GGUF files of these families have BPE tokenizers, and this one is ${type}`,
      {
        file,
        hint: "write safetensors",
      },
    );
  }
  return merges.map((merge: unknown): Merge => {
    if (Array.isArray(merge)) return [String(merge[0]), String(merge[1])];
    const at = String(merge).indexOf(" ");
    return [String(merge).slice(0, at), String(merge).slice(at + 1)];
  });
}

/** A space within a part is written as the byte level writes it. */
function mergeText(merge: Merge): string {
  return merge.map((part) => part.replaceAll(" ", "\u0120")).join(" ");
}

function tokenList(tokenizer: JsonObject, vocabulary: number) {
  const model = tokenizer.model as JsonObject;
  const tokens = Array.from({ length: vocabulary }, (_, id) => `[PAD${id}]`);
  const types = new Array<number>(vocabulary).fill(UNUSED);
  const put = (id: unknown, token: string, type: number) => {
    if (typeof id !== "number" || !(id >= 0 && id < vocabulary)) return;
    tokens[id] = token;
    types[id] = type;
  };
  const pieces = model.byte_fallback === true;
  for (const [token, id] of Object.entries(model.vocab as Record<string, number>)) {
    const isByte = pieces && /^<0x[0-9A-Fa-f]{2}>$/.test(token);
    put(id, token, isByte ? BYTE : pieces && token === model.unk_token ? UNKNOWN : NORMAL);
  }
  for (const { id, content, special } of (tokenizer.added_tokens ?? []) as JsonObject[]) {
    const text = String(content);
    if (special === true || looksSpecial(text)) put(id, text, CONTROL);
    else put(id, text.replaceAll("\u2581", " "), USER_DEFINED);
  }
  return { tokens, types };
}

/** Some models do not mark as special what is (deepseek-coder, gemma, command-r). */
function looksSpecial(token: string): boolean {
  return (
    ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].includes(token) ||
    (token.startsWith("<|") && token.endsWith("|>")) ||
    (token.startsWith("<\uff5c") && token.endsWith("\uff5c>")) ||
    (token.startsWith("<unused") && token.endsWith(">"))
  );
}

/**
 * llama.cpp joins the pair that makes the token of the highest score; merges are taken in their order, so the score is the
 * place of the first merge that makes a token.
 */
function scores(merges: readonly Merge[], tokens: readonly string[], types: readonly number[]): number[] {
  const places = new Map<string, number>();
  merges.forEach(([left, right], place) => {
    const made = left + right;
    if (!places.has(made)) places.set(made, place);
  });
  return tokens.map((token, id) => {
    if (types[id] !== NORMAL) return types[id] === BYTE || types[id] === UNKNOWN ? NO_SCORE : ADDED_SCORE;
    const place = places.get(token);
    return place === undefined ? NO_SCORE : 0 - place; // -place would be minus zero for the first
  });
}

/** Whether a text begins with a space that it does not have: written where llama.cpp's default (it does) is wrong. */
function spacePrefix(tokenizer: JsonObject, settings: JsonObject): boolean | undefined {
  if (typeof settings.add_prefix_space === "boolean") return settings.add_prefix_space;
  const text = JSON.stringify([tokenizer.normalizer, tokenizer.pre_tokenizer]);
  const prepends = text.includes('"Prepend"') || /"prepend_scheme":"(always|first)"/.test(text);
  return prepends ? undefined : false;
}

function templateEntries(template: ChatTemplate | undefined): GgufEntry[] {
  if (template === undefined) return [];
  if (typeof template === "string") return [{ key: "tokenizer.chat_template", type: "string", value: template }];
  const named = template.map(({ name, template: text }) => ({ name: name.replace(/[^A-Za-z0-9]/g, "_"), text }));
  const others = named.filter(({ name }) => name !== "" && name !== "default");
  const main = named.find(({ name }) => name === "default");
  return [
    ...others.map(({ name, text }): GgufEntry => {
      return { key: `tokenizer.chat_template.${name}`, type: "string", value: text };
    }),
    ...(others.length > 0
      ? [{ key: "tokenizer.chat_templates", type: "strings", value: others.map(({ name }) => name) } as const]
      : []),
    ...(main ? [{ key: "tokenizer.chat_template", type: "string", value: main.text } as const] : []),
  ];
}
