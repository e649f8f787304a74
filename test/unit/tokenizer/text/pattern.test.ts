import { describe, expect, it } from "vitest";
import { compilePattern } from "../../../../lib/tokenizer/text/pattern.js";
import { splitText } from "../../../../lib/tokenizer/text/splitText.js";

describe("a pattern of tokenizer.json", () => {
  // The pieces are those of Python's tokenizers 0.23.3: pre_tokenizers.Split(Regex(pattern), "isolated").
  it.each([
    ["(?i:'s|'k)|x", "'S'\u017f'K'Kyx", ["'S", "'\u017f", "'K", "'K", "y", "x"]],
    ["a$", "a\nb a", ["a", "\nb ", "a"]],
    ["^b", "b\nb", ["b", "\n", "b"]],
    ["\\s+(?!\\S)|\\s+", "a \u0085b\u00a0 \ufeffc", ["a", " ", "\u0085", "b", "\u00a0", " ", "\ufeffc"]],
    ["a++b|a", "aaab aaac", ["aaab", " ", "a", "a", "a", "c"]],
    ["(?>a|ab)c", "abc ac", ["abc ", "ac"]],
    ["\\h+", "xdeadBEEFz", ["x", "deadBEEF", "z"]],
    ["[[:punct:]]+", "a,b$c+d", ["a", ",", "b", "$", "c", "+", "d"]],
    ["\\p{Han}+", "ab\u6f22\u5b57c", ["ab", "\u6f22\u5b57", "c"]],
    ["\\w+\\b", "n\u00e9 \u00fc_1 \u00b2", ["n\u00e9", " ", "\u00fc_1", " ", "\u00b2"]],
    [
      "\\w+",
      "\u2460\u246012 \u24b6\u2167 \u00bdx\u2790",
      ["\u2460\u2460", "12", " ", "\u24b6\u2167", " ", "\u00bdx", "\u2790"],
    ],
    ["\\b", "a\u2460\u24b6", ["a", "\u2460", "\u24b6"]],
    ["[\\w&&[^\\d]]+", "ab12cd", ["ab", "12", "cd"]],
    ["(?<n>[ab])\\k<n>", "aabbab", ["aa", "bb", "ab"]],
    ["(?m:a.b)", "a\nb a b", ["a\nb", " ", "a b"]],
    ["\\R", "a\r\nb\nc\u2028d", ["a", "\r\n", "b", "\n", "c", "\u2028", "d"]],
    ["\\d{,2}x", "123x4x", ["1", "23x", "4x"]],
    ["\\A.|.\\z", "abc", ["a", "b", "c"]],
    [".", "a\u0301\ud83d\udc4d\ud83c\udffd", ["a", "\u0301", "\ud83d\udc4d", "\ud83c\udffd"]],
  ])("%s cuts %j where Oniguruma does", (pattern, text, pieces) => {
    expect(splitText(text, compilePattern({ Regex: pattern }, "tokenizer.json"), "Isolated")).toEqual(pieces);
  });

  it("that is a plain text stands for its own characters", () => {
    expect("a.b (x) a.b".split(compilePattern({ String: "a.b (x)" }, "tokenizer.json"))).toEqual(["", " a.b"]);
  });

  it.each(["(", "[a", "a\\", "\\k<n>", "a".repeat(10_001)])(
    "number %# is refused, which no expression can be made of",
    (source) => {
      expect(() => compilePattern({ Regex: source }, "tokenizer.json")).toThrowError(
        expect.objectContaining({ code: "BAD_INPUT", file: "tokenizer.json" }),
      );
    },
  );
});
