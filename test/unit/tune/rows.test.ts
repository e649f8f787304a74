// Rows of every form, through the template of a model, and what is refused.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import type { Tokenizer } from "../../../lib/tokenizer/types.js";
import { encodeSamples } from "../../../lib/tune/data/encodeSamples.js";
import { readSamples } from "../../../lib/tune/data/readRows.js";
import type { TuneRow } from "../../../lib/tune/types.js";

const DEMO = new URL("../../../demo/model", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "rows-"));
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await openTokenizer(DEMO);
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const encode = async (data: string | TuneRow[], cutoff = 1024, system?: string) =>
  encodeSamples(await readSamples(data, system), { tokenizer, stopTokens: [2], vocabulary: 1280, cutoff });
const textOf = (ids: readonly number[]) => tokenizer.decode(ids);
const learnedOf = ({ ids, learned }: { ids: readonly number[]; learned: readonly boolean[] }) =>
  textOf(ids.filter((_, i) => learned[i]));

describe("rows", () => {
  it("of all forms become the same prompt and answer, learned up to the token that ends it", async () => {
    const forms = [
      file("a.jsonl", '\n{"instruction":"Order pears","input":"","output":"order(item: pears)"}\n'),
      file(
        "b.json",
        '[{"messages":[{"role":"user","content":"Order pears"},{"role":"assistant","content":"order(item: pears)"}]}]',
      ),
      file(
        "c.jsonl",
        '{"conversations":[{"from":"human","value":"Order pears"},{"from":"gpt","value":"order(item: pears)"}]}',
      ),
      file("d.csv", "prompt,response\nOrder pears,order(item: pears)\n"),
    ];
    const encoded = await Promise.all(forms.map((form) => encode(form)));
    for (const { examples } of encoded) expect(examples).toEqual(encoded[0]?.examples);
    const [example] = encoded[0]?.examples ?? [];
    if (!example) throw new Error("there is no example");
    expect(textOf(example.ids)).toBe(
      "<|im_start|>user\nOrder pears<|im_end|>\n<|im_start|>assistant\norder(item: pears)<|im_end|>",
    );
    expect(learnedOf(example)).toBe("order(item: pears)<|im_end|>");
  });

  it("of several turns learn every answer and nothing else", async () => {
    const messages = [
      ...[
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Yes" },
      ],
      ...[
        { role: "user", content: "Order" },
        { role: "assistant", content: "No" },
      ],
    ];
    const { examples } = await encode([{ messages }], 1024, "Be kind.");
    expect(learnedOf(examples[0] as never)).toBe("Yes<|im_end|>No<|im_end|>");
    expect(textOf(examples[0]?.ids ?? [])).toContain("<|im_start|>system\nBe kind.<|im_end|>\n");
  });

  it("beyond the cutoff are cut and counted, and left out where no answer is left", async () => {
    const rows = [
      { inputIds: [1, 2, 3, 4, 5, 6], promptLength: 2 },
      { inputIds: [1, 2, 3, 4, 5, 6], promptLength: 5 },
      { inputIds: [1, 2, 3], promptLength: 1 },
    ];
    const { examples, cut, dropped } = await encode(rows, 4);
    expect([examples.length, cut, dropped]).toEqual([2, 2, 1]);
    expect(examples[0]?.ids).toEqual([1, 2, 3, 4]);
  });

  it.each([
    [
      "an empty answer",
      '{"prompt":"a","response":"b"}\n\n{"prompt":"a","response":" "}\n',
      /:3: this row has an empty response/,
    ],
    ["no answer", '{"prompt":"a"}\n', /:1: this row has no response/],
    ["no JSON", '{"prompt":"a","response":"b"}\n{"prompt":\n', /:2: /],
    ["turns without text", '{"messages":[{"role":"user"}]}\n', /:1: this row has a turn 1/],
    ["no assistant", '{"messages":[{"role":"user","content":"a"}]}\n', /nothing to learn/],
    ["ids beyond the vocabulary", '{"input_ids":[1,99999],"prompt_length":1}\n', /:1: this row has the token 99999/],
    ["nothing after the prompt", '{"input_ids":[1,2],"prompt_length":2}\n', /nothing to learn/],
  ])("with %s are refused, and the line is named", async (name, text, message) => {
    await expect(encode(file(`${name}.jsonl`, text))).rejects.toMatchObject({ code: "BAD_INPUT" });
    await expect(encode(file(`${name}.jsonl`, text))).rejects.toThrow(message);
  });
});
