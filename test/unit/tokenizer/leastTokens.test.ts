// The lower bound of a text's tokens: never above the truth, and of use for texts of megabytes.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { preparePrompt } from "../../../lib/generate/loop/preparePrompts.js";
import { settingsOf } from "../../../lib/generate/settings.js";
import type { DecoderSpec } from "../../../lib/nn/ops/specs.js";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import fc from "../../properties.js";

const golden = fileURLToPath(new URL("../../golden/tokenizers", import.meta.url));
const names = readdirSync(golden).filter((name) => !name.includes("."));
const folder = mkdtempSync(join(tmpdir(), "retemper-bound-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Letters, spaces, what composes, what takes four bytes, halves of pairs, and tokens' own texts. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.constantFrom(
        " ",
        "    ",
        "\n",
        "the ",
        "e\u0301",
        "\u1112\u1161\u11ab",
        "😀",
        "\ud800",
        "<s>",
        "<|endoftext|>",
        "Å",
      ),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

describe("the least number of tokens", () => {
  it.each(names)("is never more than there are (%s)", async (name) => {
    const tokenizer = await openTokenizer(join(golden, name));
    fc.assert(
      fc.property(text, (one) => {
        expect(tokenizer.encode(one, { addSpecialTokens: false }).length).toBeGreaterThanOrEqual(
          tokenizer.leastTokens(one),
        );
      }),
      { numRuns: 300 },
    );
    expect(tokenizer.leastTokens("x".repeat(4_000_000))).toBeGreaterThan(8192);
  });

  it("is 0 where a tokenizer may leave text out, or make one token of any", async () => {
    const source = JSON.parse(readFileSync(join(golden, "gpt2/tokenizer.json"), "utf8")) as Record<string, object>;
    for (const changes of [
      { normalizer: { type: "Strip", strip_left: true, strip_right: true } },
      { normalizer: { type: "Replace", pattern: { Regex: "x+" }, content: "" } },
      { pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, source.pre_tokenizer] } },
      { pre_tokenizer: null },
      { model: { ...source.model, vocab: { a: 0 }, merges: [] }, added_tokens: [] },
    ]) {
      writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ ...source, ...changes }));
      expect(
        (await openTokenizer(folder)).leastTokens("x".repeat(4_000_000)),
        JSON.stringify(changes).slice(0, 80),
      ).toBe(0);
    }
  });
});

describe("a prompt of megabytes", () => {
  it("is refused before it is encoded, as longer than the context", async () => {
    const tokenizer = await openTokenizer(join(golden, "llama3"));
    const watched = Object.assign(Object.create(tokenizer) as typeof tokenizer, {
      leastTokens: (one: string) => tokenizer.leastTokens(one),
      applyChatTemplate: ([message]: readonly { content: string }[]) => message?.content ?? "",
      encode: () => {
        throw new Error("it was encoded");
      },
    });
    const spec = { maxPositions: 2048, vocabulary: 1000 } as DecoderSpec;
    const long = "The sea is wide. ".repeat(200_000);
    for (const prompt of [long, [{ role: "user", content: long }]]) {
      expect(() => preparePrompt({ index: 3, prompt, samples: [0] }, watched, spec, settingsOf({}))).toThrow(
        expect.objectContaining({
          code: "BAD_INPUT",
          reason: "context-length",
          message: expect.stringMatching(/^prompt 3 has at least \d+ tokens, and the model's context has 2048$/),
        }),
      );
    }
  });
});
