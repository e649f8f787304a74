// The five treatments of what a pattern matches; the example is that of the tokenizers library's documentation.

import { describe, expect, it } from "vitest";
import { type SplitBehavior, splitText } from "../../../../lib/tokenizer/text/splitText.js";

const text = "the-final--countdown";
const PIECES: Readonly<Record<SplitBehavior, readonly string[]>> = {
  Removed: ["the", "final", "countdown"],
  Isolated: ["the", "-", "final", "-", "-", "countdown"],
  MergedWithPrevious: ["the-", "final-", "-", "countdown"],
  MergedWithNext: ["the", "-final", "-", "-countdown"],
  Contiguous: ["the", "-", "final", "--", "countdown"],
};

describe("splitting a text", () => {
  it.each(Object.entries(PIECES))("with what matched %s", (behavior, pieces) => {
    expect(splitText(text, /-/gu, behavior as SplitBehavior)).toEqual(pieces);
  });

  it("by what does not match", () => {
    expect(splitText("ab1c23", /\d/gu, "Removed", true)).toEqual(["1", "2", "3"]);
    expect(splitText("ab1c23", /\d/gu, "Contiguous", true)).toEqual(["ab", "1", "c", "23"]);
  });

  it("keeps every character unless matches are removed", () => {
    for (const behavior of ["Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const) {
      for (const source of ["--a", "a--", "--", "", "😀-😀"]) {
        expect(splitText(source, /-/gu, behavior).join("")).toBe(source);
      }
    }
  });

  it("takes matches of nothing as places, also between the halves of no character", () => {
    expect(splitText("a😀b", /(?=.)/gsu, "Isolated")).toEqual(["a", "😀", "b"]);
  });

  it("gives nothing for nothing", () => {
    expect(splitText("", /-/gu, "Isolated")).toEqual([]);
    expect(splitText("--", /-/gu, "Removed")).toEqual([]);
  });
});
