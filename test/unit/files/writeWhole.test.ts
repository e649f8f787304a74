// Files that appear whole or not at all.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { writeWhole } from "../../../lib/files/writeWhole.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("writeWhole", () => {
  it("writes text and parts, makes folders, replaces, and leaves nothing beside", async () => {
    const path = join(folder, "a/b/file.txt");
    await writeWhole(path, "ä first");
    expect(readFileSync(path, "utf8")).toBe("ä first");
    await writeWhole(path, ["one ", new TextEncoder().encode("two")]);
    expect(readFileSync(path, "utf8")).toBe("one two");
    const parts = (async function* () {
      for (const part of ["three ", "four"]) yield new TextEncoder().encode(part);
    })();
    await writeWhole(path, parts);
    expect(readFileSync(path, "utf8")).toBe("three four");
    expect(readdirSync(join(folder, "a/b"))).toEqual(["file.txt"]);
  });

  it("says where it failed, and leaves what was there and nothing else", async () => {
    const place = join(folder, "taken");
    mkdirSync(join(place, "inside"), { recursive: true });
    await expect(writeWhole(place, "text")).rejects.toMatchObject({ code: "IO", file: place });
    expect(readdirSync(folder)).not.toContain("taken.partial");
    expect(readdirSync(place)).toEqual(["inside"]);
  });

  it("leaves what was there where a part cannot be had", async () => {
    const path = join(folder, "parts.txt");
    await writeWhole(path, "before");
    const parts = (async function* () {
      yield new TextEncoder().encode("begun");
      throw new RetemperError("BAD_INPUT", "no more");
    })();
    await expect(writeWhole(path, parts)).rejects.toMatchObject({ code: "BAD_INPUT" });
    expect(readFileSync(path, "utf8")).toBe("before");
    expect(readdirSync(folder)).not.toContain("parts.txt.partial");
  });

  it("fails at once where a file system takes no folders, and says so", async () => {
    // Node's own recursive mkdir never ends there
    await expect(writeWhole("/proc/retemper/a/b", "text")).rejects.toMatchObject({
      code: "IO",
      hint: expect.stringContaining("may not take folders"),
    });
  });
});
