// The vocabulary of a folder in transformers' format as llama.cpp's converter writes it into a GGUF file's metadata.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Typed } from "./ggufBytes.js";

interface TokenizerJson {
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (string | readonly [string, string])[];
    readonly unk_token: string | null;
    readonly byte_fallback?: boolean;
  };
  readonly normalizer: { readonly type: string; readonly normalizers?: readonly { readonly type: string }[] } | null;
}

/** @param pre name of the pre-tokenizer; "" for SentencePiece, whose scores are the ranks of its merges */
export function vocabularyOf(folder: string, pre: string): (readonly [string, Typed])[] {
  const json = <T>(name: string) => JSON.parse(readFileSync(join(folder, name), "utf8")) as T;
  const { model, added_tokens, normalizer } = json<TokenizerJson>("tokenizer.json");
  const config = json<Record<string, unknown>>("tokenizer_config.json");
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  for (const { id, content } of added_tokens) tokens[id] = content;
  const added = new Map(added_tokens.map((token) => [token.content, token]));
  const kindOf = (token: string) => {
    const own = added.get(token);
    if (pre === "" && token === model.unk_token) return 2;
    if (own) return own.special ? 3 : 4;
    return /^<0x[0-9A-F]{2}>$/.test(token) && model.byte_fallback ? 6 : 1;
  };
  const merges = model.merges.map((merge) =>
    typeof merge === "string" ? (merge.split(" ") as [string, string]) : merge,
  );
  const ranks = new Map<string, number>();
  for (const [rank, [left, right]] of merges.entries()) if (!ranks.has(left + right)) ranks.set(left + right, rank);
  const textOf = (key: string) => {
    const value = config[key] as string | { content: string } | null | undefined;
    return typeof value === "object" ? value?.content : value;
  };
  const idOf = (key: string, name: string): (readonly [string, Typed])[] => {
    const id = tokens.indexOf(textOf(key) ?? "");
    return id < 0 ? [] : [[`tokenizer.ggml.${name}_token_id`, ["u32", id]]];
  };
  const template = existsSync(join(folder, "chat_template.jinja"))
    ? readFileSync(join(folder, "chat_template.jinja"), "utf8")
    : (config.chat_template as string | undefined);
  const prepends = JSON.stringify(normalizer).includes("Prepend");
  return [
    ["tokenizer.ggml.model", ["text", pre === "" ? "llama" : "gpt2"]],
    ["tokenizer.ggml.pre", ["text", pre === "" ? "default" : pre]],
    ["tokenizer.ggml.tokens", ["texts", tokens]],
    ["tokenizer.ggml.token_type", ["i32s", tokens.map(kindOf)]],
    pre === ""
      ? ["tokenizer.ggml.scores", ["f32s", tokens.map((token) => -(ranks.get(token) ?? 1e6))]]
      : ["tokenizer.ggml.merges", ["texts", merges.map((pair) => pair.join(" "))]],
    ...idOf("bos_token", "bos"),
    ...idOf("eos_token", "eos"),
    ...idOf("unk_token", "unknown"),
    ...idOf("pad_token", "padding"),
    ...(pre === "" ? [["tokenizer.ggml.add_space_prefix", ["bool", Number(prepends)]] as const] : []),
    ...(template === undefined ? [] : [["tokenizer.chat_template", ["text", template]] as const]),
  ];
}
