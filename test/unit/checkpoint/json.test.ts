import { describe, expect, it } from "vitest";
import { readJsonObject } from "../../../lib/checkpoint/json.js";
import { failure, workspace } from "./fixtures.js";

const work = workspace();

describe("readJsonObject", () => {
  it.each([
    ['{\n  "a": 1,\n}', 3, 1],
    ['{"a" 1}', 1, 6],
    ['{"a": [1, 2}', 1, 12],
    ['{"a": "x\ny"}', 1, 7],
    ["{", 1, 2],
    ["", 1, 1],
    ['{"a": tru}', 1, 7],
    ["{} {}", 1, 4],
    ['{"a": 01}', 1, 8],
    ['{"a": 1} // the end', 1, 10],
    ['{\n  /* one */ "a": 1}', 2, 3],
    ['{"a": [1, 2,]}', 1, 13],
  ])("tells line and column of the fault in %j", async (text, line, column) => {
    const path = work.write("bad.json", text);
    const error = await failure(readJsonObject(path));
    expect(error).toMatchObject({ code: "BAD_INPUT", file: path, line, column });
    expect(error.message).toContain(`bad.json:${line}:${column}: not valid JSON`);
  });

  it.each([
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"],
    ["a web page", "<!DOCTYPE html><html></html>"],
    ["a zip archive", Buffer.from("PK\x03\x04rest")],
    ["a Python pickle", Buffer.from([0x80, 0x02, 0x7d, 0x2e])],
  ])("recognises %s", async (what, content) => {
    const error = await failure(readJsonObject(work.write("other.json", content)));
    expect(error.message).toContain(`this is ${what}`);
  });

  it.each(["[]", "null", "3", '"text"'])("refuses %s, which is no object", async (text) => {
    expect((await failure(readJsonObject(work.write("value.json", text)))).message).toContain("expected a JSON object");
  });

  it("accepts a byte order mark", async () => {
    expect(await readJsonObject(work.write("bom.json", '\ufeff{"a":1}'))).toEqual({ a: 1 });
  });

  it("refuses more bytes than such a file may have, before reading them", async () => {
    const error = await failure(readJsonObject(work.write("large.json", `{"a":"${"x".repeat(2000)}"}`), 1000));
    expect(error.message).toContain("2008 bytes are too many");
  });

  it("refuses absurd nesting, but not brackets in texts", async () => {
    const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    for (const text of [deep, deep.slice(0, -1)]) {
      const error = await failure(readJsonObject(work.write("deep.json", text)));
      expect(error.message).toContain("deep.json:1:205: nested deeper than 200 levels");
    }
    const texts = { a: "[".repeat(1000), 'b"\\': "{[" };
    expect(await readJsonObject(work.write("texts.json", texts))).toEqual(texts);
  });

  it("keeps a key named __proto__ as a plain key", async () => {
    const read = await readJsonObject(work.write("proto.json", '{"__proto__": {"polluted": 1}}'));
    expect(Object.keys(read)).toEqual(["__proto__"]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
