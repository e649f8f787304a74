import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTokenizer } from "../../../lib/tokenizer/readTokenizer.js";
import { addedToken, failureOf, folderWith, wordLevel } from "./fixtures.js";

function withModel(model: unknown, more: Record<string, unknown> = {}): string {
  return folderWith({ "tokenizer.json": { model, ...more } });
}

const bpe = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]] };

describe("readTokenizer", () => {
  it("reads the vocabulary of every kind of model", async () => {
    const models = {
      BPE: bpe,
      Unigram: {
        type: "Unigram",
        unk_id: 0,
        vocab: [
          ["<unk>", 0],
          ["▁a", -1.5],
        ],
      },
      WordPiece: { type: "WordPiece", unk_token: "[UNK]", vocab: { "[UNK]": 0, "##a": 1 } },
      WordLevel: { type: "WordLevel", unk_token: "[UNK]", vocab: { "[UNK]": 0, a: 1 } },
    };
    for (const [type, model] of Object.entries(models)) {
      const tokenizer = await readTokenizer(withModel(model, { added_tokens: [addedToken(5, "<s>")] }));
      expect(tokenizer.modelType).toBe(type);
      expect(tokenizer.tokens.length).toBe(6);
      expect(tokenizer.tokens[5]).toBe("<s>");
      expect(tokenizer.tokens[4]).toBeUndefined();
    }
  });

  it("tells the kind of a model that does not say it", async () => {
    expect((await readTokenizer(withModel({ ...bpe, type: undefined }))).modelType).toBe("BPE");
    expect((await readTokenizer(withModel({ vocab: [["a", 0]] }))).modelType).toBe("Unigram");
    expect((await readTokenizer(withModel({ vocab: { a: 0 } }))).modelType).toBe("WordLevel");
    expect((await readTokenizer(withModel({ vocab: { a: 0 }, max_input_chars_per_word: 9 }))).modelType).toBe(
      "WordPiece",
    );
  });

  it("keeps the order of ids for tokens that are digits or JavaScript's own names", async () => {
    const text = '{"model": {"type": "WordLevel", "vocab": {"7": 1, "__proto__": 2, "constructor": 3, "1": 0}}}';
    const { tokens, ids } = await readTokenizer(folderWith({ "tokenizer.json": text }));
    expect(tokens).toEqual(["1", "7", "__proto__", "constructor"]);
    expect(ids.get("__proto__")).toBe(2);
  });

  it("gives tokens that only the files beside it name the next ids, as transformers does", async () => {
    const folder = folderWith({
      "tokenizer.json": wordLevel(["<unk>", "a"], ["<s>"]),
      "tokenizer_config.json": {
        pad_token: "[PAD]",
        eos_token: { content: "[E]", lstrip: true },
        extra_special_tokens: ["<|y|>"],
        added_tokens_decoder: { 2: { content: "<s>", special: true }, 9: { content: "<q>", special: true } },
      },
    });
    const { tokens, added } = await readTokenizer(folder);
    expect(tokens).toEqual(["<unk>", "a", "<s>", "<q>", "[E]", "[PAD]", "<|y|>"]);
    expect(added.find(({ content }) => content === "[E]")).toMatchObject({ id: 4, lstrip: true, special: true });
  });

  it("reads added_tokens.json in the order of its ids", async () => {
    const folder = folderWith({
      "tokenizer.json": wordLevel(["<unk>", "a"]),
      "added_tokens.json": { "<y>": 3, "<x>": 2, a: 1 },
    });
    expect((await readTokenizer(folder)).tokens).toEqual(["<unk>", "a", "<x>", "<y>"]);
  });

  it("lets the vocabulary's id of an added token count, with a warning", async () => {
    const { ids, warnings } = await readTokenizer(withModel(bpe, { added_tokens: [addedToken(7, "a")] }));
    expect(ids.get("a")).toBe(0);
    expect(warnings).toEqual([expect.stringContaining('added token "a" has the id 7, its vocabulary 0')]);
  });

  it("takes the last id of a piece that a Unigram model lists twice, with a warning", async () => {
    const { ids, warnings } = await readTokenizer(
      withModel({
        type: "Unigram",
        vocab: [
          ["a", 0],
          ["a", -1],
        ],
      }),
    );
    expect(ids.get("a")).toBe(1);
    expect(warnings).toHaveLength(1);
  });

  it("says how to convert a folder that has only a sentencepiece model", async () => {
    const error = await failureOf(() => readTokenizer(folderWith({ "tokenizer.model": "x" })));
    expect(error.code).toBe("BAD_INPUT");
    expect(error.message).toMatch(/no tokenizer\.json \(only tokenizer\.model\)/);
    expect(error.hint).toMatch(/save_pretrained/);
  });

  it("says so of a folder without any tokenizer", async () => {
    expect((await failureOf(() => readTokenizer(folderWith({})))).message).toMatch(/no tokenizer\.json$/);
  });
});

describe("a hostile tokenizer.json", () => {
  const attacks: Record<string, [model: unknown, added: unknown, message: RegExp]> = {
    "no model": [undefined, [], /model is missing/],
    "a model that is a list": [[], [], /model is a list/],
    "an unknown kind of model": [{ type: "Magic", vocab: {} }, [], /model\.type is "Magic"/],
    "a vocabulary that is text": [{ ...bpe, vocab: "abc" }, [], /model\.vocab is "abc"/],
    "a vocabulary that is a list in BPE": [{ ...bpe, vocab: [["a", 0]] }, [], /model\.vocab is a list/],
    "a vocabulary that is a map in Unigram": [{ type: "Unigram", vocab: { a: 0 } }, [], /has a list/],
    "a Unigram entry that is no pair": [{ type: "Unigram", vocab: [["a"]] }, [], /entry 0 of model\.vocab/],
    "a Unigram piece that is a number": [{ type: "Unigram", vocab: [[1, 2]] }, [], /a token is 1/],
    "no merges": [{ ...bpe, merges: undefined }, [], /model\.merges is missing/],
    "a merge of three": [{ ...bpe, merges: [["a", "b", "c"]] }, [], /entry 0 of model\.merges/],
    "a merge without a space": [{ ...bpe, merges: ["ab"] }, [], /entry 0 of model\.merges/],
    "two tokens with one id": [{ ...bpe, vocab: { a: 0, b: 0 } }, [], /"a" and "b" have the same id 0/],
    "a negative id": [{ ...bpe, vocab: { a: -1 } }, [], /"a" has the id -1/],
    "an id with a fraction": [{ ...bpe, vocab: { a: 0.5 } }, [], /"a" has the id 0\.5/],
    "an id that is text": [{ ...bpe, vocab: { a: "0" } }, [], /"a" has the id "0"/],
    "an absurdly large id": [{ ...bpe, vocab: { a: 4e9 } }, [], /ids must be below 4194304/],
    "an id beyond the integers": [{ ...bpe, vocab: { a: 1e300 } }, [], /ids must be below/],
    "half a surrogate pair": [{ ...bpe, vocab: { "\ud800": 0 } }, [], /not well-formed/],
    "added tokens that are a map": [bpe, {}, /added_tokens is not a list/],
    "an added token that is text": [bpe, ["<s>"], /an entry of added_tokens is "<s>"/],
    "an added token without content": [bpe, [{ id: 3 }], /a token is missing/],
    "an added token with another's id": [bpe, [addedToken(1, "<s>")], /"b" and "<s>" have the same id 1/],
    "an added token listed twice": [bpe, [addedToken(3, "<s>"), addedToken(4, "<s>")], /listed twice/],
    "an absurd id of an added token": [bpe, [addedToken(2 ** 40, "<s>")], /ids must be below/],
    "a flag that is text": [bpe, [addedToken(3, "<s>", { lstrip: "no" })], /lstrip is "no"/],
  };
  it.each(Object.entries(attacks))("is refused for %s", async (_name, [model, added, message]) => {
    const folder = withModel(model, { added_tokens: added });
    const error = await failureOf(() => readTokenizer(folder));
    expect(error).toMatchObject({ code: "BAD_INPUT", file: join(folder, "tokenizer.json") });
    expect(error.message).toMatch(message);
  });

  it("is refused with line and column when it is cut off", async () => {
    const text = JSON.stringify(wordLevel(["a", "b"]), null, 2).slice(0, 60);
    const folder = folderWith({ "tokenizer.json": text });
    const lines = text.split("\n");
    const place = { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
    expect(await failureOf(() => readTokenizer(folder))).toMatchObject({ code: "BAD_INPUT", ...place });
  });

  it("is refused when it is not UTF-8", async () => {
    const folder = folderWith({ "tokenizer.json": Uint8Array.of(0x7b, 0xff, 0x7d) });
    expect((await failureOf(() => readTokenizer(folder))).message).toMatch(/UTF-8/);
  });

  it("is refused when it is a folder, or a link that leads out", async () => {
    const folder = folderWith({});
    mkdirSync(join(folder, "tokenizer.json"));
    expect((await failureOf(() => readTokenizer(folder))).code).toBe("BAD_INPUT");
    const linked = folderWith({});
    symlinkSync(
      join(folderWith({ "tokenizer.json": wordLevel(["a"]) }), "tokenizer.json"),
      join(linked, "tokenizer.json"),
    );
    expect((await failureOf(() => readTokenizer(linked))).message).toMatch(/leads out/);
  });

  it("is refused for what the files beside it hold", async () => {
    const folder = folderWith({ "tokenizer.json": wordLevel(["a"]) });
    writeFileSync(join(folder, "tokenizer_config.json"), '{"added_tokens_decoder": {"1": 3}}');
    expect((await failureOf(() => readTokenizer(folder))).message).toMatch(/entry of added_tokens_decoder is 3/);
    writeFileSync(join(folder, "tokenizer_config.json"), "{}");
    writeFileSync(join(folder, "added_tokens.json"), '{"<x>": -4}');
    expect((await failureOf(() => readTokenizer(folder))).message).toMatch(/the id of token "<x>"/);
  });
});
