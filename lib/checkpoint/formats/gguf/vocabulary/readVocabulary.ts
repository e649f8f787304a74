// The vocabulary in a GGUF file's metadata, checked: tokens, their kinds and scores, merges, special tokens, templates.

import { RetemperError } from "../../../../errors.js";
import type { GgufMetadata } from "../families/types.js";

/** Kinds of tokens, by ggml's numbers. */
export const TOKEN_KIND = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface Vocabulary {
  /** "gpt2": byte-level BPE; "llama": SentencePiece's BPE. */
  readonly model: string;
  /** The pre-tokenizer by llama.cpp's name. */
  readonly pre: string;
  readonly tokens: readonly string[];
  /** By id; empty: all are normal. */
  readonly types: Int32Array | readonly number[];
  readonly scores: Float32Array;
  readonly merges: readonly string[];
  readonly special: Readonly<Partial<Record<SpecialToken, number>>>;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly addSpacePrefix: boolean;
  /** The default one first. */
  readonly templates: readonly { readonly name: string; readonly template: string }[];
}

type SpecialToken = "bos" | "eos" | "eot" | "eom" | "unknown" | "padding";
const SPECIAL: readonly SpecialToken[] = ["bos", "eos", "eot", "eom", "unknown", "padding"];

/** Of these llama.cpp begins each text with BOS where the metadata do not say it. */
const BEGIN: ReadonlySet<string> = new Set(["llama3", "llama-v3", "llama-bpe", "falcon3", "tekken"]);

/** @throws RetemperError BAD_INPUT for lists that do not fit each other, and ids that no token has */
export function readVocabulary(metadata: GgufMetadata, file: string): Vocabulary {
  const wrong = (message: string) =>
    new RetemperError("BAD_INPUT", `the vocabulary in the metadata: ${message}`, {
      file,
      hint: "Put the file into a folder with the model's own tokenizer.json, and name the folder.",
    });
  const texts = (key: string): readonly string[] => {
    const list = metadata.get(key) ?? [];
    if (Array.isArray(list) && list.every((item) => typeof item === "string")) return list;
    throw wrong(`${key} is not a list of texts`);
  };
  const text = (key: string) => {
    const value = metadata.get(key) ?? "";
    if (typeof value === "string") return value;
    throw wrong(`${key} is not a text`);
  };
  const flag = (key: string) => {
    const value = metadata.get(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw wrong(`${key} is not a flag`);
  };

  const tokens = texts("tokenizer.ggml.tokens");
  if (tokens.length === 0) throw wrong("tokenizer.ggml.tokens is empty");
  const seen = new Set(tokens);
  if (seen.size !== tokens.length) {
    const twice = tokens.find((token, at) => tokens.indexOf(token) !== at);
    throw wrong(`the token ${JSON.stringify(twice)} is there twice`);
  }
  const types = metadata.get("tokenizer.ggml.token_type") ?? new Int32Array(0);
  if (!(types instanceof Int32Array) || (types.length > 0 && types.length !== tokens.length)) {
    throw wrong("tokenizer.ggml.token_type is not one whole number for each token");
  }
  const scores = metadata.get("tokenizer.ggml.scores") ?? new Float32Array(0);
  if (!(scores instanceof Float32Array) || (scores.length > 0 && scores.length !== tokens.length)) {
    throw wrong("tokenizer.ggml.scores is not one number for each token");
  }
  const special: Partial<Record<SpecialToken, number>> = {};
  for (const name of SPECIAL) {
    const key = `tokenizer.ggml.${name}_token_id`;
    const id = metadata.get(key);
    if (id === undefined) continue;
    if (typeof id !== "number" || !(id < tokens.length)) throw wrong(`${key} is ${String(id)}, which no token has`);
    special[name] = id;
  }
  const model = text("tokenizer.ggml.model");
  const pre = text("tokenizer.ggml.pre");
  return {
    ...{ model, pre, tokens, types, scores, special },
    merges: texts("tokenizer.ggml.merges"),
    addBos: flag("tokenizer.ggml.add_bos_token") ?? (model === "llama" || BEGIN.has(pre)),
    addEos: flag("tokenizer.ggml.add_eos_token") ?? false,
    addSpacePrefix: flag("tokenizer.ggml.add_space_prefix") ?? true,
    templates: templatesOf(metadata, text, texts),
  };
}

function templatesOf(
  metadata: GgufMetadata,
  text: (key: string) => string,
  texts: (key: string) => readonly string[],
): Vocabulary["templates"] {
  const own = metadata.has("tokenizer.chat_template")
    ? [{ name: "default", template: text("tokenizer.chat_template") }]
    : [];
  const further = texts("tokenizer.chat_templates").flatMap((name) => {
    const template = text(`tokenizer.chat_template.${name}`);
    return template === "" || name === "default" ? [] : [{ name, template }];
  });
  return [...own, ...further];
}
