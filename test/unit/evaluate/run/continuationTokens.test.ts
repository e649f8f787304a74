// Which tokens of a continuation are scored, by a tokenizer of one token a character.

import { describe, expect, it } from "vitest";
import { type ContinuationModel, continuationTokens } from "../../../../lib/evaluate/run/likelihood.js";

const BEGIN = 1;
/** "^" begins texts; it is token 1, and stands before every text that is encoded with special tokens. */
const model = (contextLength: number): ContinuationModel => ({
  contextLength,
  tokenizer: {
    hasChatTemplate: true,
    prefixToken: { id: BEGIN, text: "^" },
    encode: (text, { addSpecialTokens = true } = {}) => [
      ...(addSpecialTokens ? [BEGIN] : []),
      ...[...text].map((one) => (one === "^" ? BEGIN : (one.codePointAt(0) as number))),
    ],
    applyChatTemplate: (messages, { continueFinalMessage } = {}) =>
      `^${messages.map(({ content }) => content).join("|")}${continueFinalMessage ? "" : ":"}`,
  },
});
const codes = (text: string) => [...text].map((one) => one.codePointAt(0) as number);

describe("the tokens of a continuation", () => {
  it("are those behind the context, whose last spaces belong to it", () => {
    expect(continuationTokens({ context: "ab  ", text: "cd" }, model(50))).toEqual([
      { ids: [1, ...codes("ab  cd")], from: 3 },
    ]);
  });

  it("stand behind the token that begins texts where nothing comes before them", () => {
    expect(continuationTokens({ context: "", text: "cd" }, model(50))).toEqual([{ ids: [1, ...codes("cd")], from: 1 }]);
    expect(continuationTokens({ context: "", text: "^cd" }, model(50))).toEqual([
      { ids: [1, ...codes("cd")], from: 1 },
    ]);
  });

  it("have no second beginning behind a chat template that writes one", () => {
    const context = [{ role: "user", content: "ab" }];
    expect(continuationTokens({ context, text: "c" }, model(50))).toEqual([{ ids: [1, ...codes("ab:c")], from: 4 }]);
  });

  it("go on with the answer that the last message has begun", () => {
    const context = [
      { role: "user", content: "ab" },
      { role: "assistant", content: "c", prefix: true },
    ];
    expect(continuationTokens({ context, text: "d" }, model(50))).toEqual([{ ids: [1, ...codes("ab|cd")], from: 5 }]);
  });

  it("keep the end of a context that is too long, and one token more than the model's context has", () => {
    expect(continuationTokens({ context: "abcdef", text: "gh" }, model(4))).toEqual([{ ids: codes("defgh"), from: 3 }]);
    expect(() => continuationTokens({ context: "ab", text: "cdefgh" }, model(4))).toThrow(
      "longer than the model's context",
    );
  });

  it("come in windows where a text has no context: each token is scored once", () => {
    const windows = continuationTokens({ context: null, text: "abcdefghij" }, model(4));
    expect(windows.flatMap(({ ids, from }) => ids.slice(from))).toEqual([1, ...codes("abcdefghij")]);
    expect(windows.every(({ ids }) => ids.length <= 5)).toBe(true);
    expect(windows.at(-1)).toEqual({ ids: codes("fghij"), from: 2 });
  });

  it("are none of an empty text", () => {
    expect(() => continuationTokens({ context: "ab", text: "" }, model(9))).toThrow("no tokens to score");
  });
});
