// The models that turn pieces into ids, on vocabularies small enough to work out by hand.

import { describe, expect, it } from "vitest";
import { compileModel } from "../../../../lib/tokenizer/text/compileModel.js";
import { readVocabulary } from "../../../../lib/tokenizer/vocabulary.js";

function encode(model: Record<string, unknown>, piece: string): string[] {
  const { type, ids } = readVocabulary(model, "f");
  const names = new Map([...ids].map(([token, id]) => [id, token]));
  const found: number[] = [];
  compileModel(model, type, ids, "f").encode(piece, found);
  return found.map((id) => names.get(id) ?? `#${id}`);
}

const ids = (...tokens: string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));

describe("byte-pair encoding", () => {
  const vocab = ids("a", "b", "c", "ab", "bc", "abc", "aa", "aaa", "<unk>", "<0xC3>", "<0xA9>");
  const model = { type: "BPE", vocab, merges: ["b c", "a b", "a bc", "a a"] };

  it("merges the pair of the lowest rank first, the leftmost of equals", () => {
    expect(encode(model, "abc")).toEqual(["abc"]);
    expect(encode(model, "abab")).toEqual(["ab", "ab"]);
    expect(encode(model, "aaaaa")).toEqual(["aa", "aa", "a"]);
  });

  it("does not make a token that no merges make, unless pieces that are tokens stay whole", () => {
    expect(encode(model, "aaa")).toEqual(["aa", "a"]);
    expect(encode({ ...model, ignore_merges: true }, "aaa")).toEqual(["aaa"]);
  });

  it("leaves unknown characters out, or writes an unknown token for each, or for a run of them", () => {
    expect(encode(model, "axyb")).toEqual(["ab"]);
    expect(encode({ ...model, unk_token: "<unk>" }, "axyb")).toEqual(["a", "<unk>", "<unk>", "b"]);
    expect(encode({ ...model, unk_token: "<unk>", fuse_unk: true }, "axyb")).toEqual(["a", "<unk>", "b"]);
  });

  it("spells unknown characters with bytes where it has all of them", () => {
    const spelling = { ...model, unk_token: "<unk>", byte_fallback: true };
    expect(encode(spelling, "aéx")).toEqual(["a", "<0xC3>", "<0xA9>", "<unk>"]);
  });

  it("marks the ends of words and what continues them", () => {
    const ends = {
      type: "BPE",
      vocab: ids("a", "b</w>", "ab</w>", "b"),
      merges: ["a b</w>"],
      end_of_word_suffix: "</w>",
    };
    expect(encode(ends, "ab")).toEqual(["ab</w>"]);
    const parts = { type: "BPE", vocab: ids("a", "##b", "ab"), merges: ["a ##b"], continuing_subword_prefix: "##" };
    expect(encode(parts, "ab")).toEqual(["ab"]);
  });

  it("of a long piece is that of the same merges done one by one", () => {
    const text = "abcaabbccab".repeat(60);
    const rank = (left: string, right: string) => model.merges.indexOf(`${left} ${right}`);
    const symbols = Array.from(text);
    for (;;) {
      let best = -1;
      for (let at = 0; at + 1 < symbols.length; at += 1) {
        const here = rank(symbols[at] as string, symbols[at + 1] as string);
        const least = best < 0 ? Number.POSITIVE_INFINITY : rank(symbols[best] as string, symbols[best + 1] as string);
        if (here >= 0 && here < least) best = at;
      }
      if (best < 0) break;
      symbols.splice(best, 2, (symbols[best] as string) + (symbols[best + 1] as string));
    }
    expect(encode(model, text)).toEqual(symbols);
  });
});

describe("the other models", () => {
  it("WordPiece takes the longest piece, and gives a word up as a whole", () => {
    const model = { type: "WordPiece", vocab: ids("[UNK]", "un", "##aff", "##able", "##a"), unk_token: "[UNK]" };
    expect(encode(model, "unaffable")).toEqual(["un", "##aff", "##able"]);
    expect(encode(model, "unx")).toEqual(["[UNK]"]);
    expect(encode({ ...model, max_input_chars_per_word: 4 }, "unaff")).toEqual(["[UNK]"]);
  });

  it("WordLevel knows whole words", () => {
    const model = { type: "WordLevel", vocab: ids("<unk>", "word"), unk_token: "<unk>" };
    expect([...encode(model, "word"), ...encode(model, "other")]).toEqual(["word", "<unk>"]);
  });

  it("Unigram takes the likeliest way to write a piece", () => {
    const vocab = [
      ["<unk>", 0],
      ["a", -2],
      ["b", -2],
      ["ab", -3],
      ["abc", -9],
      ["c", -2],
    ];
    const model = { type: "Unigram", vocab, unk_id: 0 };
    expect(encode(model, "abc")).toEqual(["ab", "c"]);
    expect(encode(model, "axyb")).toEqual(["a", "<unk>", "b"]);
  });
});
