// Rows out of files, right and broken.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { findColumn, PROMPT_COLUMNS, textOf } from "../../../../lib/evaluate/data/columns.js";
import { readRows } from "../../../../lib/evaluate/data/rows.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-rows-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fixtures = new URL("fixtures/", import.meta.url).pathname;

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const rowsOf = async (name: string, content: string | Buffer, headless?: string[]) =>
  (await readRows(file(name, content), headless)).rows;

describe("readRows", () => {
  it("reads CSV with quotes, line breaks in cells, and a byte order mark", async () => {
    const text = '\ufeffgoal,target\n"Tell me, please,\nabout ""bees""","Sure"\r\nKites,Yes\n';
    expect(await rowsOf("a.csv", text)).toEqual([
      { goal: 'Tell me, please,\nabout "bees"', target: "Sure" },
      { goal: "Kites", target: "Yes" },
    ]);
  });

  it("reads CSV without a header line by the names it is given", async () => {
    expect(await rowsOf("b.csv", '"one, two"\nthree\n', ["prompt"])).toEqual([
      { prompt: "one, two" },
      { prompt: "three" },
    ]);
  });

  it("reads JSON lines, lists, columns, and rows beside other words", async () => {
    expect(await rowsOf("a.jsonl", '{"prompt":"a"}\n\n{"prompt":"b"}')).toEqual([{ prompt: "a" }, { prompt: "b" }]);
    expect(await rowsOf("a.json", '[{"prompt":"a"},{"prompt":"b"}]')).toEqual([{ prompt: "a" }, { prompt: "b" }]);
    expect(await rowsOf("b.json", '["a","b"]')).toEqual([{ prompt: "a" }, { prompt: "b" }]);
    expect(await rowsOf("c.json", '{"prompt":["a","b"],"n":[1,2]}')).toEqual([
      { prompt: "a", n: 1 },
      { prompt: "b", n: 2 },
    ]);
    expect(await rowsOf("d.json", '{"canary":"x","examples":[{"input":"a"}]}')).toEqual([{ input: "a" }]);
  });

  it("reads lines of text and what gzip has packed", async () => {
    expect(await rowsOf("a.txt", "a\r\n\n b\n")).toEqual([{ prompt: "a" }, { prompt: " b" }]);
    expect(await rowsOf("a.jsonl.gz", gzipSync('{"prompt":"a"}'))).toEqual([{ prompt: "a" }]);
  });

  it.each(["snappy", "gzip", "none", "brotli"])("reads Parquet with %s", async (compression) => {
    const { rows } = await readRows(join(fixtures, `${compression}.parquet`));
    expect(rows).toEqual([
      { goal: "Tell me about bees.", n: 1n, choices: ["a", "b"] },
      { goal: "How do kites fly?", n: 2n, choices: ["c"] },
      { goal: "Name three rivers.", n: 3n, choices: [] },
    ]);
  });

  it.each([
    ["x.csv", 'a,b\n1,2\n3,"4', /[Qq]uote/],
    ["y.csv", "a,b\n1,2\n3,4,5\n", /Invalid Record Length/],
    ["x.jsonl", '{"a":1}\n{"a":\n', /JSON/],
    ["y.jsonl", '{"a":1}\n[1]\n', /not an object/],
    ["x.json", '{"a":1}', /neither a list/],
    ["y.json", '{"a":[1,2],"b":[1]}', /neither a list/],
    ["x.parquet", "PAR1 nonsense PAR1", /Parquet/],
    ["x.jsonl.gz", "no gzip", /unpacked/],
    ["x.xlsx", "x", /not known how to read/],
    ["lfs.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", /LFS/],
    ["page.csv", "<!DOCTYPE html><html>", /web page/],
    ["latin.csv", Buffer.from([0x61, 0x0a, 0xe9, 0x0a]), /UTF-8/],
  ])("refuses %s with what is wrong", async (name, content, message) => {
    const error = await readRows(file(name, content)).catch((reason) => reason);
    expect(error).toMatchObject({
      code: "BAD_INPUT",
      file: join(folder, name),
      message: expect.stringMatching(message),
    });
  });

  it("names the line that is broken", async () => {
    await expect(readRows(file("z.jsonl", '{"a":1}\n{"a":1}\n{"a"'))).rejects.toMatchObject({ line: 3 });
    await expect(readRows(file("z.csv", "a,b\n1,2\n3\n"))).rejects.toMatchObject({ line: 3 });
  });

  it("says that a file does not exist", async () => {
    await expect(readRows(join(folder, "absent.csv"))).rejects.toMatchObject({ code: "BAD_INPUT" });
  });
});

describe("findColumn", () => {
  it("takes a set's own name for its prompts", () => {
    for (const name of ["prompt", "goal", "Goal", "Behavior", "forbidden_prompt", "instruction", "question"]) {
      expect(findColumn([{ id: 1, [name]: "x" }], PROMPT_COLUMNS, "the prompt", "f")).toBe(name);
    }
  });

  it("takes only what every row has", () => {
    expect(findColumn([{ goal: "a", prompt: "b" }, { goal: "c" }], PROMPT_COLUMNS, "the prompt", "f")).toBe("goal");
  });

  it("lists the columns there are where none fits", () => {
    expect(() => findColumn([{ a: 1, b: 2 }], PROMPT_COLUMNS, "the prompt", "set.csv")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", file: "set.csv", hint: 'the file has "a", "b"' }),
    );
  });
});

describe("textOf", () => {
  it("refuses a cell that holds no text, with its row", () => {
    expect(textOf({ a: 7n }, "a", "f", 0)).toBe("7");
    for (const value of ["", "  ", undefined, null, {}, []]) {
      expect(() => textOf({ a: value }, "a", "f", 2)).toThrow(/row 3: "a"/);
    }
  });
});
