// The tokenizer that a GGUF file's metadata make, against what transformers made of the tokenizer that the metadata were
// made of (test/golden/tokenizers).

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { openFolder } from "../../../../lib/checkpoint/modelFolder.js";
import { openTokenizer } from "../../../../lib/tokenizer/openTokenizer.js";
import type { ChatMessage } from "../../../../lib/tokenizer/types.js";
import { metadataOf } from "./asGguf.js";
import { ggufBytes, type Typed } from "./ggufBytes.js";
import { vocabularyOf } from "./vocabularyOf.js";

const golden = (...path: string[]) => fileURLToPath(new URL(join("../../../golden", ...path), import.meta.url));
const json = <T>(...path: string[]) => JSON.parse(readFileSync(golden(...path), "utf8")) as T;
const folder = mkdtempSync(join(tmpdir(), "retemper-gguf-vocabulary-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FLAVOURS = [
  ["llama3", "llama3", "llama-bpe"],
  ["llama2", "llama", ""],
  ["qwen", "qwen2", "qwen2"],
  ["gemma", "gemma", ""],
  ["gpt2", "gpt2", "gpt-2"],
] as const;

let files = 0;
function write(metadata: readonly (readonly [string, Typed])[], model = "llama3"): string {
  const config = json<Record<string, unknown>>("models", model, "config.json");
  const path = join(folder, `${files++}.gguf`);
  writeFileSync(path, ggufBytes({ metadata: [...metadataOf(model, config), ...metadata] }));
  return path;
}

describe.each(FLAVOURS)("the tokenizer %s out of a GGUF file", (flavour, model, pre) => {
  const open = () => openTokenizer(write(vocabularyOf(golden("tokenizers", flavour), pre), model));

  it("encodes and decodes as the one that it was made of", async () => {
    const tokenizer = await open();
    const cases = json<{ text: string; ids: number[]; ids_with_special: number[]; decoded: string }[]>(
      ...["tokenizers", flavour, "expected.json"],
    );
    expect(cases).toHaveLength(40);
    for (const { text, ids, ids_with_special, decoded } of cases) {
      expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual(ids);
      expect(tokenizer.encode(text), text).toEqual(ids_with_special);
      expect(tokenizer.decode(ids), text).toBe(decoded);
    }
  });

  it.runIf(flavour !== "gpt2")("renders conversations as the one that it was made of", async () => {
    const tokenizer = await open();
    const cases = json<{ messages: ChatMessage[]; add_generation_prompt: boolean; text?: string; error?: string }[]>(
      ...["tokenizers", flavour, "expected_chat.json"],
    );
    for (const { messages, add_generation_prompt, text, error } of cases) {
      if (error !== undefined) continue;
      expect(tokenizer.applyChatTemplate(messages, { addGenerationPrompt: add_generation_prompt })).toBe(text);
    }
  });
});

describe("a vocabulary in a GGUF file", () => {
  const good = () => new Map(vocabularyOf(golden("tokenizers", "llama3"), "llama-bpe"));
  it.each<[string, string, Typed, string]>([
    [
      "a pre-tokenizer that is not known",
      "tokenizer.ggml.pre",
      ["text", "poro-chat"],
      'the pre-tokenizer "poro-chat" is not known',
    ],
    ["a kind that is not known", "tokenizer.ggml.model", ["text", "rwkv"], 'vocabularies of the kind "rwkv"'],
    ["too few types", "tokenizer.ggml.token_type", ["i32s", [1, 1]], "one whole number for each token"],
    ["no tokens", "tokenizer.ggml.tokens", ["texts", []], "tokenizer.ggml.tokens is empty"],
    ["a token twice", "tokenizer.ggml.tokens", ["texts", ["a", "b", "a"]], 'the token "a" is there twice'],
    ["an id that no token has", "tokenizer.ggml.eos_token_id", ["u32", 1_000_000], "which no token has"],
    ["a merge of one part", "tokenizer.ggml.merges", ["texts", ["ab"]], 'the merge "ab" is not of two parts'],
    ["a template that is no text", "tokenizer.chat_template", ["u32", 1], "tokenizer.chat_template is not a text"],
  ])("with %s is refused", async (_, key, value, message) => {
    const path = write([...good().set(key, value)]);
    await expect(openTokenizer(path)).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining(message),
    });
  });

  it("that another file has too is refused by the name of its own file", async () => {
    for (const path of [1, 2].map(() => write([...good().set("tokenizer.ggml.pre", ["text", "poro-chat"])]))) {
      await expect(openTokenizer(path)).rejects.toMatchObject({ file: path });
    }
  });

  it("ends answers with all tokens that llama.cpp ends them with", async () => {
    const path = write([...good()]);
    const { made } = await openFolder(path);
    const { eos_token_id: ends } = JSON.parse(made?.get("generation_config.json")?.() ?? "{}") as {
      eos_token_id: number | number[];
    };
    const vocabulary = await openTokenizer(path);
    const texts = [ends].flat().map((id) => vocabulary.decode([id]));
    expect(texts).toContain("<|eot_id|>");
  });
});
