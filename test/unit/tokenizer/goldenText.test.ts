// Encoding, decoding and chat templates against what transformers made of the same files (test/golden/tokenizers).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import type { ChatMessage } from "../../../lib/tokenizer/types.js";

interface TextCase {
  readonly text: string;
  readonly ids: number[];
  readonly ids_with_special: number[];
  readonly decoded: string;
  readonly decoded_skip_special: string;
}

interface ChatCase {
  readonly messages: ChatMessage[];
  readonly add_generation_prompt: boolean;
  readonly text?: string;
  readonly ids?: number[];
  readonly error?: string;
}

const golden = fileURLToPath(new URL("../../golden/tokenizers", import.meta.url));

describe.each(["llama3", "llama2", "qwen", "gemma", "gpt2"])("the tokenizer %s", (flavour) => {
  const folder = join(golden, flavour);
  const load = <T>(name: string): T => JSON.parse(readFileSync(join(folder, name), "utf8")) as T;

  it("encodes and decodes as transformers", async () => {
    const tokenizer = await openTokenizer(folder);
    const cases = load<TextCase[]>("expected.json");
    expect(cases).toHaveLength(40);
    for (const { text, ids, ids_with_special, decoded, decoded_skip_special } of cases) {
      expect(tokenizer.encode(text, { addSpecialTokens: false }), text).toEqual(ids);
      expect(tokenizer.encode(text), text).toEqual(ids_with_special);
      expect(tokenizer.decode(ids_with_special, { skipSpecialTokens: true }), text).toBe(decoded_skip_special);
      expect(tokenizer.decode(ids), text).toBe(decoded);
    }
  });

  it("decodes growing prefixes, at once and token by token", async () => {
    const tokenizer = await openTokenizer(folder);
    const { ids, decoded_prefixes_step_7: expected } = load<{ ids: number[]; decoded_prefixes_step_7: string[] }>(
      "expected_prefixes.json",
    );
    const stream = tokenizer.decodeStream();
    let text = "";
    for (const [index, id] of ids.entries()) {
      text += stream.push(id);
      if (index % 7 !== 0) continue;
      const prefix = ids.slice(0, index + 1);
      expect(tokenizer.decode(prefix)).toBe(expected[index / 7]);
      expect(text + stream.rest()).toBe(expected[index / 7]);
      expect(text).not.toMatch(/\ufffd$/);
    }
  });

  it.runIf(flavour !== "gpt2")("renders conversations as transformers", async () => {
    const tokenizer = await openTokenizer(folder);
    for (const { messages, add_generation_prompt, text, ids, error } of load<ChatCase[]>("expected_chat.json")) {
      const render = () => tokenizer.applyChatTemplate(messages, { addGenerationPrompt: add_generation_prompt });
      if (error !== undefined) {
        expect(render).toThrow(expect.objectContaining({ code: "BAD_INPUT", message: error }));
        continue;
      }
      expect(render()).toBe(text);
      expect(tokenizer.encode(render(), { addSpecialTokens: false })).toEqual(ids);
    }
  });
});
