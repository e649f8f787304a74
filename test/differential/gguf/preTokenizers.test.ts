// How llama.cpp splits text by the name that a file gives it: the tokens of the tokenizer.json that the name was made of, and
// of the tokenizer that we read back from the file.
//
// The vocabulary has a token for every pair of neighbouring bytes in the texts, so that nearly every split is seen.

import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { convert } from "../../../lib/merge/convert.js";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import { modelFolder } from "../../golden/generate/modelFolders.js";
import { long } from "../../long.js";
import { whyNoPython } from "../../peers.js";
import { safetensors } from "../../unit/checkpoint/fixtures.js";
import { readGguf } from "../../unit/merge/readGguf.js";
import { askLlama, type LlamaAnswer, whyNoLlama } from "./llamaPeer.js";

const missing = long ? (whyNoPython("numpy") ?? whyNoLlama()) : "in the long form";
const folder = mkdtempSync(join(tmpdir(), "retemper-llama-splits-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const golden = join(import.meta.dirname, "../../golden/tokenizers/llama3");
const own = JSON.parse(readFileSync(join(golden, "tokenizer.json"), "utf8"));
const TEXTS = [
  ...(JSON.parse(readFileSync(join(golden, "expected.json"), "utf8")) as { text: string }[]).map(({ text }) => text),
  ...["camelCaseWords HTTPServer iPhone OK? XMLHttpRequest2", "She'S he'll I'D they'rE 'tis rock'n'roll don'tcha"],
  ...[
    "7 42 123 1234 12345678 3.14 1e-9 v2.0.1",
    "path/to/file.txt //comment\n/* more */\r\n\r\n  end",
    "a \t\n  b\n\n   c  ",
  ],
  ...[
    "हिन्दी में लिखा",
    "ไทยภาษา",
    "e\u0301t\u00e9 \u00c9COLE na\u00efve",
    "\u01c5 \u02b0x \u00aa\u00ba \u2167 \u00bd",
    "$5.00 #tag @you (x)[y]{z} <|a|>",
  ],
];

/** Patterns as the models' tokenizer.json have them (Llama 3, Qwen 2 and 3.5, Mistral Nemo, GPT-4o). */
const CASED = (end: string, digits: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+${end}|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*${end}|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN35 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const split = (pattern: string) => ({
  type: "Sequence",
  pretokenizers: [
    { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
    { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
  ],
});
const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

interface Way {
  readonly name: string;
  readonly pre: unknown;
  readonly wholeWords?: true;
  /** Composes characters (NFC), which llama.cpp does not. */
  readonly composes?: true;
}
const WAYS: readonly Way[] = [
  { name: "llama-bpe", pre: split(LLAMA3), wholeWords: true },
  { name: "smaug-bpe", pre: split(LLAMA3) },
  { name: "qwen2", pre: split(LLAMA3.replace("{1,3}", "")), composes: true },
  { name: "qwen35", pre: split(QWEN35), composes: true },
  { name: "tekken", pre: split(CASED("", "")), wholeWords: true },
  { name: "gpt-4o", pre: split(CASED("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "{1,3}")) },
  { name: "gpt-2", pre: byteLevel },
  {
    name: "smollm",
    pre: { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, byteLevel] },
  },
];

/** llama.cpp's splitting for tekken and gpt-4o knows the case of ASCII letters only, and takes no mark as part of a word. */
const isKnownApart = (name: string, text: string) =>
  ["tekken", "gpt-4o"].includes(name) && /\p{M}|(?![a-z])\p{Ll}|(?![A-Z])\p{Lu}|\p{Lt}/u.test(text);

describe.skipIf(missing)(`splitting of text in llama.cpp${missing ? ` (${missing})` : ""}`, () => {
  const answers = new Map<string, LlamaAnswer>();
  const place = ({ name }: Way) => join(folder, name);

  beforeAll(async () => {
    const requests: object[] = [];
    for (const way of WAYS) {
      writeModel(way);
      await convert(place(way), join(folder, `${way.name}-gguf`), { format: "gguf", quantise: "f32" });
      requests.push({ model: join(folder, `${way.name}-gguf/model-F32.gguf`), texts: TEXTS });
    }
    askLlama(requests).forEach((answer, at) => {
      answers.set(WAYS[at]?.name ?? "", answer);
    });
  });

  function writeModel({ name, pre, wholeWords, composes }: Way): void {
    const to = modelFolder("llama3", { without: ["model.safetensors"] });
    const { vocab, merges } = vocabularyOfPairs();
    const added_tokens = own.added_tokens.map((token: object, at: number) => ({ ...token, id: vocab.size + at }));
    const size = vocab.size + added_tokens.length;
    const model = { ...own.model, vocab: Object.fromEntries(vocab), merges, ignore_merges: wholeWords ?? false };
    const normalizer = composes ? { type: "NFC" } : null;
    const tokenizer = { ...own, normalizer, pre_tokenizer: pre, post_processor: byteLevel, added_tokens, model };
    writeFileSync(join(to, "tokenizer.json"), JSON.stringify(tokenizer));
    writeFileSync(
      join(to, "config.json"),
      JSON.stringify({
        ...{ architectures: ["LlamaForCausalLM"], model_type: "llama", vocab_size: size, hidden_size: 32 },
        ...{ num_hidden_layers: 1, num_attention_heads: 1, num_key_value_heads: 1, intermediate_size: 32 },
        ...{ rms_norm_eps: 1e-5, max_position_embeddings: 128, tie_word_embeddings: true },
      }),
    );
    const square = { shape: [32, 32] };
    const layer = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"].concat([
      "mlp.gate_proj",
      "mlp.up_proj",
      "mlp.down_proj",
    ]);
    writeFileSync(
      join(to, "model.safetensors"),
      safetensors({
        "model.embed_tokens.weight": { shape: [size, 32] },
        "model.norm.weight": { shape: [32] },
        "model.layers.0.input_layernorm.weight": { shape: [32] },
        "model.layers.0.post_attention_layernorm.weight": { shape: [32] },
        ...Object.fromEntries(layer.map((part) => [`model.layers.0.${part}.weight`, square])),
      }),
    );
    cpSync(to, place({ name, pre }), { recursive: true });
  }

  it.each(WAYS)("$name: the tokens are those of tokenizer.json, and of the file as we read it", async (way) => {
    const file = join(folder, `${way.name}-gguf/model-F32.gguf`);
    expect(readGguf(file).metadata.get("tokenizer.ggml.pre")).toBe(way.name);
    const [tokenizer, back] = [await openTokenizer(place(way)), await openTokenizer(file)];
    const theirs = answers.get(way.name)?.texts ?? [];
    TEXTS.forEach((text, at) => {
      const ids = tokenizer.encode(text, { addSpecialTokens: false });
      expect(back.encode(text, { addSpecialTokens: false }), text).toEqual(ids);
      const isComposed = way.composes && text.normalize("NFC") !== text;
      if (!isComposed && !isKnownApart(way.name, text)) expect(theirs[at], text).toEqual(ids);
    });
  });
});

/** Every byte, every pair of neighbours in the texts in an order of no meaning, and a word that no merges make. */
function vocabularyOfPairs() {
  const letters = Object.keys(own.model.vocab).filter((token) => [...token].length === 1);
  const letterOf = byteLetters();
  const pairs = new Set<string>();
  for (const text of TEXTS) {
    const bytes = [...Buffer.from(text)].map((byte) => letterOf[byte] as string);
    bytes.slice(1).forEach((letter, at) => {
      pairs.add(`${bytes[at]} ${letter}`);
    });
  }
  const order = (pair: string) => createHash("sha256").update(pair).digest("hex");
  const merges = [...pairs].sort((a, b) => (order(a) < order(b) ? -1 : 1)).map((pair) => pair.split(" "));
  const tokens = [...letters, ...merges.map((pair) => pair.join("")), "Hello"];
  return { vocab: new Map(tokens.map((token, id) => [token, id])), merges };
}

/** The letter that the byte level writes for each byte: itself where it can be seen, else the next one from 256 on. */
function byteLetters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isSeen = (byte > 32 && byte < 127) || (byte > 160 && byte < 256 && byte !== 173);
    return String.fromCodePoint(isSeen ? byte : next++);
  });
}
