// Tokenizers that were made to hang or burst the program: refused, or stopped, with an error that names the file.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openTokenizer } from "../../lib/tokenizer/openTokenizer.js";
import { long } from "../long.js";
import { failureOf, folderWith } from "../unit/tokenizer/fixtures.js";

const llama = JSON.parse(
  readFileSync(new URL("../golden/tokenizers/llama2/tokenizer.json", import.meta.url), "utf8"),
) as Record<string, unknown>;

const open = (changes: Record<string, unknown>) =>
  openTokenizer(folderWith({ "tokenizer.json": { ...llama, ...changes } }));
const split = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated" });
const nested = (type: string, key: string, depth: number): string =>
  `${`{"type":"${type}","${key}":[`.repeat(depth)}${"]}".repeat(depth)}`;

describe("a hostile tokenizer", () => {
  it.runIf(long)("whose pattern goes back and forth without end is stopped", async () => {
    const tokenizer = await open({ normalizer: null, pre_tokenizer: split("^(\\p{L}+)+$") });
    const error = await failureOf(() => tokenizer.encode(`${"a".repeat(60)}1`));
    expect(error).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("takes too long"),
      file: expect.stringContaining("tokenizer.json"),
    });
    // And goes on to work for texts that the pattern is no match for.
    expect(tokenizer.encode("abc")).not.toEqual([]);
  });

  it.runIf(long)("whose added tokens go through such a pattern is not opened", async () => {
    const token = { id: 459, content: `${"a".repeat(60)}1`, normalized: true, special: false };
    const normalizer = { type: "Replace", pattern: { Regex: "^(\\p{L}+)+$" }, content: "" };
    const error = await failureOf(() => open({ normalizer, added_tokens: [token] }));
    expect(error).toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining("takes too long") });
  });

  it("whose steps are nested by the thousand is not opened", async () => {
    for (const [member, type, key] of [
      ["normalizer", "Sequence", "normalizers"],
      ["pre_tokenizer", "Sequence", "pretokenizers"],
      ["decoder", "Sequence", "decoders"],
      ["post_processor", "Sequence", "processors"],
    ] as const) {
      const text = JSON.stringify({ ...llama, [member]: "HERE" }).replace('"HERE"', nested(type, key, 50_000));
      const error = await failureOf(() => openTokenizer(folderWith({ "tokenizer.json": text })));
      expect(error).toMatchObject({ code: "BAD_INPUT", message: expect.stringContaining("nested deeper than 200") });
    }
  });

  it.each<[string, Record<string, unknown>]>([
    ["puts a long text before each text", { normalizer: { type: "Prepend", prepend: "x".repeat(10_000) } }],
    [
      "replaces letters by long texts",
      { normalizer: { type: "Replace", pattern: { String: "a" }, content: "x".repeat(10_000) } },
    ],
    ["has a pattern of great length", { pre_tokenizer: split("a|".repeat(10_000)) }],
    ["strips a text of no length", { decoder: { type: "Strip", content: "", start: 1e9, stop: 1e9 } }],
  ])("is not opened if it %s", async (_, changes) => {
    expect(await failureOf(() => open(changes))).toMatchObject({ code: "BAD_INPUT" });
  });

  it("with many long added tokens takes no more memory than their text", async () => {
    const added_tokens = Array.from({ length: 200 }, (_, index) => ({
      ...{ id: 459 + index, content: `<${"x".repeat(50_000)}${index}>`, special: true },
    }));
    const tokenizer = await open({ added_tokens });
    expect(tokenizer.encode(`a${added_tokens[7]?.content}`, { addSpecialTokens: false }).at(-1)).toBe(466);
  });

  it("and a text of many beginnings of special tokens is read in one pass", async () => {
    const tokenizer = await openTokenizer(new URL("../golden/tokenizers/llama3", import.meta.url).pathname);
    const text = "<|start_header_".repeat(30_000);
    expect(tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false }))).toBe(text);
  });

  it("is read in linear time where SentencePiece's would be one piece", async () => {
    const tokenizer = await openTokenizer(new URL("../golden/tokenizers/llama2", import.meta.url).pathname);
    const text = "the quick brown fox ".repeat(50_000);
    expect(tokenizer.encode(text)).toHaveLength(
      tokenizer.encode("the quick brown fox ".repeat(5)).length * 10_000 - 9_999 * 2,
    );
  });

  it("stops at a word that its pattern cannot hold, with what to do", async () => {
    const tokenizer = await openTokenizer(new URL("../golden/tokenizers/llama3", import.meta.url).pathname);
    const error = await failureOf(() => tokenizer.encode("日".repeat(12_000_000)));
    expect(error).toMatchObject({ code: "BAD_INPUT", hint: "split the text" });
  });
});
