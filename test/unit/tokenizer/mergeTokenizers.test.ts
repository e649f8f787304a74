import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { TokenizerRequest } from "../../../lib/recipe/types.js";
import { mergeTokenizers, type TokenizerOutcome } from "../../../lib/tokenizer/mergeTokenizers.js";
import { modelsOfRequest } from "../../../lib/tokenizer/references.js";
import { failureOf, folderWith, reference, wordLevel } from "./fixtures.js";

const union: TokenizerRequest = { source: { kind: "union" }, tokens: {} };

function input(name: string, files: Record<string, unknown>) {
  return { reference: reference(name), folder: folderWith(files) };
}

function textOf(outcome: TokenizerOutcome, name: string): string {
  const content = outcome.files.find((file) => file.name === name)?.content;
  if (typeof content !== "string") throw new Error(`${name} is not written`);
  return content;
}

describe("mergeTokenizers", () => {
  it("copies every tokenizer file of the base, and nothing else, without a request", async () => {
    const files = {
      "tokenizer.json": "not even JSON",
      "tokenizer.model": "x",
      "merges.txt": "",
      "chat_template.jinja": "",
    };
    const a = input("a", { "tokenizer.json": {} });
    const b = input("b", { ...files, "config.json": {}, "modeling.py": "", "model.safetensors": "", "notes.txt": "" });
    const outcome = await mergeTokenizers(undefined, undefined, [a, b], reference("b"));
    expect(outcome).toEqual({
      files: Object.keys(files)
        .sort()
        .map((name) => ({ name, content: { copyFrom: join(b.folder, name) } })),
      warnings: [],
    });
    const first = await mergeTokenizers(undefined, undefined, [a, b], undefined);
    expect(first.files).toEqual([{ name: "tokenizer.json", content: { copyFrom: join(a.folder, "tokenizer.json") } }]);
  });

  it("writes new tokens into every file of the base that lists added tokens, and copies the others", async () => {
    const a = input("a", {
      "tokenizer.json": wordLevel(["<unk>", "x"], ["<s>"]),
      "tokenizer_config.json": { model_max_length: 5, added_tokens_decoder: { 2: { content: "<s>", special: true } } },
      "added_tokens.json": { "<s>": 2 },
      "special_tokens_map.json": { bos_token: "<s>" },
    });
    const b = input("b", { "tokenizer.json": wordLevel(["<unk>", "y"], ["<t>"]) });
    const outcome = await mergeTokenizers(union, undefined, [a, b], reference("a"));
    expect(outcome.vocabularySize).toBe(5);
    expect(outcome.gathers).toHaveLength(2);
    const added = JSON.parse(textOf(outcome, "tokenizer.json")).added_tokens as {
      id: number;
      content: string;
      special: boolean;
    }[];
    expect(added.map(({ id, content, special }) => [id, content, special])).toEqual([
      [2, "<s>", true],
      [3, "y", false],
      [4, "<t>", true],
    ]);
    const config = JSON.parse(textOf(outcome, "tokenizer_config.json"));
    expect(config.model_max_length).toBe(5);
    expect(
      Object.entries(config.added_tokens_decoder).map(([id, token]) => [id, (token as { content: string }).content]),
    ).toEqual([
      ["2", "<s>"],
      ["3", "y"],
      ["4", "<t>"],
    ]);
    expect(JSON.parse(textOf(outcome, "added_tokens.json"))).toEqual({ "<s>": 2, y: 3, "<t>": 4 });
    expect(outcome.files.find(({ name }) => name === "special_tokens_map.json")?.content).toEqual({
      copyFrom: join(a.folder, "special_tokens_map.json"),
    });
  });

  it("drops merges together with the pieces that they make", async () => {
    const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2, abb: 3 }, merges: ["a b", "ab b"] };
    const a = { ...input("a", { "tokenizer.json": { model } }), embeddingRows: 3 };
    const outcome = await mergeTokenizers({ source: { kind: "base" }, tokens: {} }, undefined, [a], reference("a"));
    expect(JSON.parse(textOf(outcome, "tokenizer.json")).model).toEqual({
      type: "BPE",
      vocab: { a: 0, b: 1, ab: 2 },
      merges: ["a b"],
    });
  });

  it("takes a model's tokenizer whose weights are not merged", async () => {
    const a = input("a", { "tokenizer.json": wordLevel(["x"]) });
    const c = { ...input("c", { "tokenizer.json": wordLevel(["y", "x"]) }), merged: false };
    const request: TokenizerRequest = { source: { kind: "model", model: reference("c") }, tokens: {} };
    expect(modelsOfRequest(request)).toEqual([reference("c")]);
    const outcome = await mergeTokenizers(request, undefined, [a, c], reference("a"));
    expect(outcome.files[0]?.content).toEqual({ copyFrom: join(c.folder, "tokenizer.json") });
    expect(outcome.vocabularySize).toBe(2);
  });

  it("puts a chat template beside the changes of a union", async () => {
    const a = input("a", {
      "tokenizer.json": wordLevel(["x"]),
      "tokenizer_config.json": { added_tokens_decoder: {}, chat_template: "{{ old }}" },
    });
    const b = input("b", { "tokenizer.json": wordLevel(["y"]) });
    const outcome = await mergeTokenizers(union, "chatml", [a, b], reference("a"));
    const config = JSON.parse(textOf(outcome, "tokenizer_config.json"));
    expect(config.chat_template).toContain("<|im_start|>");
    expect(config.added_tokens_decoder["1"]).toMatchObject({ content: "y" });
  });

  it("warns where auto finds no chat template, and changes nothing", async () => {
    const a = input("a", { "tokenizer.json": wordLevel(["x"]), "tokenizer_config.json": {} });
    const outcome = await mergeTokenizers(undefined, "auto", [a], undefined);
    expect(outcome.warnings).toEqual([expect.stringMatching(/auto finds no chat template/)]);
    expect(outcome.files.every(({ content }) => typeof content === "object")).toBe(true);
  });

  it("names the model whose tokenizer cannot be read", async () => {
    const a = input("a", { "tokenizer.json": wordLevel(["x"]) });
    const b = input("b", { "vocab.json": "{}", "merges.txt": "" });
    const error = await failureOf(() => mergeTokenizers(union, undefined, [a, b], reference("a")));
    expect(error).toMatchObject({ code: "BAD_INPUT", file: b.folder });
  });
});
