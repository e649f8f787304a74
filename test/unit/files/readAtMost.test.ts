// Files that are not what they are said to be.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readAtMost } from "../../../lib/files/readAtMost.js";
import { textLines, wholeLines } from "../../../lib/files/readLines.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-read-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("reading at most so many bytes", () => {
  it.each([0, 1, 65_535, 65_536, 200_000])("gives a file of %i bytes whole", async (bytes) => {
    const path = join(folder, `of-${bytes}`);
    const content = Buffer.alloc(bytes, "abc");
    writeFileSync(path, content);
    expect(await readAtMost(path, { most: 200_000, what: "a test" })).toEqual(content);
  });

  it("refuses a larger file by its size, with what was expected", async () => {
    const path = join(folder, "large");
    writeFileSync(path, Buffer.alloc(11));
    await expect(readAtMost(path, { most: 10, what: "a recipe", code: "BAD_RECIPE" })).rejects.toMatchObject({
      code: "BAD_RECIPE",
      message: `${path}: 11 bytes are too many for a recipe`,
    });
  });

  it("stops at the limit where a size says nothing", async () => {
    const limit = { most: 1000, what: "a recipe", pipes: true };
    await expect(readAtMost("/dev/zero", limit)).rejects.toMatchObject({ code: "BAD_INPUT" });
    expect((await readAtMost("/proc/self/status", { most: 2 ** 20, what: "a test" })).toString()).toContain("Pid:");
  });

  it("refuses FIFOs and devices, without waiting for a writer, where no pipe can be meant", async () => {
    const path = join(folder, "fifo");
    execFileSync("mkfifo", [path]);
    for (const one of [path, "/dev/null"]) {
      await expect(readAtMost(one, { most: 10, what: "a test" })).rejects.toMatchObject({
        code: "BAD_INPUT",
        message: `${one}: this is not a regular file`,
      });
    }
  });

  it("leaves a folder to those who know what it could be", async () => {
    mkdirSync(join(folder, "inner"));
    await expect(readAtMost(join(folder, "inner"), { most: 10, what: "a test" })).rejects.toMatchObject({
      code: "EISDIR",
    });
  });
});

describe("lines", () => {
  it("of a file come whole across blocks; what has no end is left out", async () => {
    const path = join(folder, "lines");
    const long = "x".repeat(3 * 2 ** 20);
    writeFileSync(path, `a\n\n${long}\nb\nrest`);
    const handle = await open(path);
    const found: string[] = [];
    for await (const line of wholeLines(handle, path)) found.push(line.toString());
    expect(found).toEqual(["a\n", "\n", `${long}\n`, "b\n"]);
    await handle.close();
  });

  it("that never end are refused by their number, and are not held in memory", async () => {
    const handle = await open("/dev/zero");
    const reading = wholeLines(handle, "zero", { longest: 2 ** 21 }).next();
    await expect(reading).rejects.toMatchObject({
      code: "BAD_INPUT",
      line: 1,
      message: expect.stringContaining("too long"),
    });
    await handle.close();
  });

  it("of bytes are text with numbers; one that is no UTF-8, and one that is too long, are told by their numbers", () => {
    const bytes = Buffer.from("\ufeffä\r\nb");
    expect([...textLines(bytes, "f")]).toEqual([
      ["ä\r", 1],
      ["b", 2],
    ]);
    expect(() => [...textLines(Buffer.from([0x61, 0x0a, 0xff]), "f")]).toThrow("f:2: the text is not UTF-8");
    expect(() => [...textLines(Buffer.from("a\nbcd\n"), "f", 2)]).toThrow("f:2: this line is too long");
  });
});
