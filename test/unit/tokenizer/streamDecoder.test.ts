// The text of a generation as it comes, checked against decoding all ids at once.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import { firstStop } from "../../../lib/tokenizer/stopTexts.js";
import { StreamDecoder } from "../../../lib/tokenizer/streamDecoder.js";
import type { Tokenizer } from "../../../lib/tokenizer/types.js";
import fc from "../../properties.js";

const golden = fileURLToPath(new URL("../../golden/tokenizers", import.meta.url));
const tokenizers = await Promise.all(
  ["llama3", "llama2", "gemma", "qwen", "gpt2"].map((flavour) => openTokenizer(join(golden, flavour))),
);
const [llama3, llama2] = tokenizers as [Tokenizer, Tokenizer];

/** Pushes ids until a stop; what came piece by piece. */
function run(tokenizer: Tokenizer, ids: readonly number[], stop?: readonly string[]) {
  const decoder = new StreamDecoder(tokenizer, { stop });
  const pieces: string[] = [];
  let used = 0;
  for (const id of ids) {
    if (decoder.stopped) break;
    pieces.push(decoder.push(id));
    used += 1;
  }
  const stopped = decoder.stopped;
  pieces.push(decoder.end());
  expect(pieces.join("")).toBe(decoder.text);
  return { pieces, text: decoder.text, stopped, used };
}

const encode = (tokenizer: Tokenizer, text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false });

describe("a stream of text", () => {
  it("is, at its end, what decoding all ids gives, for any ids of any tokenizer", () => {
    const any = fc
      .constantFrom(...tokenizers)
      .chain((tokenizer) =>
        fc.tuple(
          fc.constant(tokenizer),
          fc.array(fc.integer({ min: 0, max: tokenizer.vocabularySize }), { maxLength: 40 }),
        ),
      );
    fc.assert(
      fc.property(any, ([tokenizer, ids]) => {
        expect(run(tokenizer, ids).text).toBe(tokenizer.decode(ids, { skipSpecialTokens: true }));
      }),
      { numRuns: 1500 },
    );
  });

  it("gives whole characters only", () => {
    for (const tokenizer of tokenizers) {
      const { pieces, text } = run(tokenizer, encode(tokenizer, "naïve 😀😀 日本語 👩‍👩‍👧!"));
      for (const piece of pieces) expect(piece).not.toContain("\ufffd");
      expect(text.trim()).toBe("naïve 😀😀 日本語 👩‍👩‍👧!");
    }
  });

  it("leaves special tokens out, or keeps them on request", () => {
    const ids = llama3.encode("Hi<|eot_id|>");
    expect(run(llama3, ids).text).toBe("Hi");
    const kept = new StreamDecoder(llama3, { skipSpecialTokens: false });
    expect(ids.map((id) => kept.push(id)).join("") + kept.end()).toBe("<|begin_of_text|>Hi<|eot_id|>");
  });
});

describe("a stop text", () => {
  it("cuts the text where it begins, even inside a token", () => {
    expect(run(llama3, encode(llama3, "one two three"), ["wo"])).toMatchObject({ text: "one t", stopped: true });
  });

  it("is seen across tokens, and nothing of it is given away", () => {
    const { pieces, text, stopped } = run(llama3, encode(llama3, "answer: 4\n\nQ: next"), ["\n\n"]);
    expect({ text, stopped }).toEqual({ text: "answer: 4", stopped: true });
    expect(pieces.join("")).not.toContain("\n");
  });

  it("that is only begun is given away as soon as it cannot be completed, or at the end", () => {
    expect(run(llama3, encode(llama3, "a</b> </s"), ["</s>"])).toMatchObject({ text: "a</b> </s", stopped: false });
  });

  it("is seen with the token that completes it, where tokens are single bytes", () => {
    // In this vocabulary a line break is a byte, whose text is certain only after the next token.
    const ids = encode(llama2, "x\n\ny");
    const { text, used, stopped } = run(llama2, ids, ["\n\n"]);
    expect({ text, used, stopped }).toEqual({ text: "x", used: ids.length - 1, stopped: true });
  });

  it("of several is the one that is complete first, the longest of equals", () => {
    expect(firstStop("xaby", ["xaby", "ab"])).toBe(1);
    expect(firstStop("xaby", ["by", "aby", "y"])).toBe(1);
    expect(firstStop("abc", ["d"])).toBeUndefined();
  });

  it("cuts any text where searching the whole text would", () => {
    const letters = fc.array(fc.constantFrom("a", "b", " ", "é", "😀"), { maxLength: 30 }).map((all) => all.join(""));
    const stops = fc.array(
      letters.filter((text) => text !== "" && text.length < 5),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...tokenizers), letters, stops, (tokenizer, text, stop) => {
        const ids = encode(tokenizer, text);
        const whole = tokenizer.decode(ids, { skipSpecialTokens: true });
        const at = firstStop(whole, stop);
        expect(run(tokenizer, ids, stop)).toMatchObject({ text: whole.slice(0, at), stopped: at !== undefined });
      }),
      { numRuns: 1500 },
    );
  });

  it("must not be empty", () => {
    expect(() => new StreamDecoder(llama3, { stop: [""] })).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
