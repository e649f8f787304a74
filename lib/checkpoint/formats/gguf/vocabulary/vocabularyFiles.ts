// The tokenizer's files of a GGUF model, as transformers' format has them: tokenizer.json, tokenizer_config.json with the
// chat template, and generation_config.json with what ends an answer.

import { RetemperError } from "../../../../errors.js";
import type { GgufMetadata, GgufValue } from "../families/types.js";
import type { GgufModel } from "../ggufModel.js";
import { bytePairTokenizer } from "./bytePairTokenizer.js";
import { endTokens } from "./endTokens.js";
import { readVocabulary, type Vocabulary } from "./readVocabulary.js";
import { sentencePieceTokenizer } from "./sentencePieceTokenizer.js";

type Source = Pick<GgufModel, "metadata" | "files" | "config">;

/** By name, each made when it is asked for; none where the file has no vocabulary. */
export function vocabularyFiles(model: Source): ReadonlyMap<string, () => string> {
  const kind = model.metadata.get("tokenizer.ggml.model");
  if (kind === undefined || kind === "none" || kind === "no_vocab") return new Map();
  const file = model.files[0]?.path ?? "";
  let vocabulary: Vocabulary | undefined;
  const read = () => {
    vocabulary ??= readVocabulary(model.metadata, file);
    return vocabulary;
  };
  return new Map([
    ["tokenizer.json", tokenizerText(model.metadata, () => tokenizerJson(read(), file))],
    ["tokenizer_config.json", json(() => tokenizerConfig(read(), model))],
    ["generation_config.json", json(() => generationConfig(read()))],
  ]);
}

/** Made once. */
function json(value: () => unknown): () => string {
  let text: string | undefined;
  return () => {
    text ??= `${JSON.stringify(value())}\n`;
    return text;
  };
}

/** Megabytes each: files that are merged have the same vocabulary nearly always. */
const TEXTS = new WeakMap<GgufMetadata, string>();
let last: GgufMetadata | undefined;

/** Made once for files that have the same vocabulary; each that it cannot be made of says so itself. */
function tokenizerText(metadata: GgufMetadata, value: () => unknown): () => string {
  return () => {
    const known = TEXTS.get(metadata) ?? (last && sameVocabulary(last, metadata) ? TEXTS.get(last) : undefined);
    const text = known ?? `${JSON.stringify(value())}\n`;
    TEXTS.set(metadata, text);
    last = metadata;
    return text;
  };
}

function sameVocabulary(a: GgufMetadata, b: GgufMetadata): boolean {
  const isVocabulary = (key: string) => key.startsWith("tokenizer.");
  const keys = [...a.keys()].filter(isVocabulary);
  return keys.length === [...b.keys()].filter(isVocabulary).length && keys.every((key) => same(a.get(key), b.get(key)));
}

function same(a: GgufValue | undefined, b: GgufValue | undefined): boolean {
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  return a.length === b.length && a.every((item: GgufValue, at: number) => item === b[at]);
}

function tokenizerJson(vocabulary: Vocabulary, file: string): unknown {
  if (vocabulary.model === "gpt2") return bytePairTokenizer(vocabulary, file);
  if (vocabulary.model === "llama") return sentencePieceTokenizer(vocabulary);
  throw new RetemperError("BAD_INPUT", `vocabularies of the kind ${JSON.stringify(vocabulary.model)} are not read`, {
    file,
    hint: "Put the file into a folder with the model's own tokenizer.json, and name the folder.",
  });
}

function tokenizerConfig({ tokens, special, addBos, addEos, templates }: Vocabulary, { config }: Source): unknown {
  const named = (key: string, id: number | undefined) => (id === undefined ? {} : { [key]: tokens[id] });
  const [own, ...further] = templates;
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    ...{ add_bos_token: addBos, add_eos_token: addEos, clean_up_tokenization_spaces: false },
    ...named("bos_token", special.bos),
    ...named("eos_token", special.eos),
    ...named("unk_token", special.unknown),
    ...named("pad_token", special.padding),
    ...(typeof config.max_position_embeddings === "number" && { model_max_length: config.max_position_embeddings }),
    ...(own && { chat_template: further.length > 0 ? templates : own.template }),
  };
}

function generationConfig(vocabulary: Vocabulary): unknown {
  const { bos, padding } = vocabulary.special;
  const ends = endTokens(vocabulary);
  return {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(padding !== undefined && { pad_token_id: padding }),
  };
}
