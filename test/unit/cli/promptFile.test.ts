import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, describe, expect, it } from "vitest";
import { readPrompts } from "../../../lib/cli/promptFile.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-prompts-"));
afterAll(() => rmSync(folder, { recursive: true }));

const nothing = Readable.from([]);

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const messages = [{ role: "user", content: "hi" }];

describe("readPrompts", () => {
  it("reads JSON lines: texts, conversations and ids, with names and other keys beside them", async () => {
    const lines = [
      '{"prompt": "one", "id": "a", "category": "x"}',
      "",
      `{"messages": ${JSON.stringify(messages)}, "id": 7}\r`,
      '{"ids": [1, 2]}',
      '"just a text"',
    ];
    expect(await readPrompts(write("a.jsonl", lines.join("\n")), nothing)).toEqual([
      { prompt: "one", id: "a" },
      { prompt: messages, id: 7 },
      { prompt: [1, 2] },
      { prompt: "just a text" },
    ]);
  });

  it("reads a JSON list, and a text a line of anything else", async () => {
    expect(await readPrompts(write("a.json", '["one", {"ids": [3]}]'), nothing)).toEqual([
      { prompt: "one" },
      { prompt: [3] },
    ]);
    expect(await readPrompts(write("a.txt", '{"as": "it is"}\n two \n'), nothing)).toEqual([
      { prompt: '{"as": "it is"}' },
      { prompt: " two " },
    ]);
  });

  it("reads stdin, and sees from its beginning what it is", async () => {
    expect(await readPrompts("-", Readable.from(['{"prompt": "o', 'ne"}\n']))).toEqual([{ prompt: "one" }]);
    expect(await readPrompts("-", Readable.from([Buffer.from('["one"]')]))).toEqual([{ prompt: "one" }]);
    const euro = Buffer.from("€\n");
    expect(await readPrompts("-", Readable.from([euro.subarray(0, 2), euro.subarray(2)]))).toEqual([{ prompt: "€" }]);
  });

  it.each([
    ['{"prompt": "a"}\n{oops', 2, "no JSON"],
    ['{"prompt": "a"}\n\n{"text": "b"}', 3, "has no prompt"],
    ['{"prompt": "a", "ids": [1]}', 1, "more than one prompt"],
    ['{"ids": [1.5]}', 1, "no whole numbers"],
    ['{"ids": []}', 1, "empty list of ids"],
    ['{"messages": "hi"}', 1, "messages that are no list"],
    ['{"messages": [{"role": "user"}]}', 1, "without role and content"],
    ['{"prompt": 5}', 1, "no text"],
    ['{"prompt": "a", "id": {}}', 1, "an id that is no text or number"],
    ["[1]", 1, "is no prompt"],
  ])("names the line of what is wrong: %j", async (text, line, message) => {
    const file = write("bad.jsonl", text);
    const work = readPrompts(file, nothing);
    await expect(work).rejects.toMatchObject({ code: "BAD_INPUT", file, line });
    await expect(readPrompts(file, nothing)).rejects.toThrow(message);
  });

  it("refuses files without prompts, and files that are not there", async () => {
    await expect(readPrompts(write("empty.jsonl", "\n\n"), nothing)).rejects.toMatchObject({ code: "BAD_INPUT" });
    await expect(readPrompts(write("b.json", "{}"), nothing)).rejects.toThrow("no JSON list");
    await expect(readPrompts(join(folder, "none.jsonl"), nothing)).rejects.toMatchObject({ code: "USAGE" });
  });
});
