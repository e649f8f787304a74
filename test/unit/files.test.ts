// Files that appear whole or not at all.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeFailure, writeWhole } from "../../lib/files.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("writeWhole", () => {
  it("writes text and parts, makes folders, replaces, and leaves nothing beside", async () => {
    const path = join(folder, "a/b/file.txt");
    await writeWhole(path, "ä first");
    expect(readFileSync(path, "utf8")).toBe("ä first");
    await writeWhole(path, ["one ", new TextEncoder().encode("two")]);
    expect(readFileSync(path, "utf8")).toBe("one two");
    expect(readdirSync(join(folder, "a/b"))).toEqual(["file.txt"]);
  });

  it("says where it failed, and leaves what was there and nothing else", async () => {
    const place = join(folder, "taken");
    mkdirSync(join(place, "inside"), { recursive: true });
    await expect(writeWhole(place, "text")).rejects.toMatchObject({ code: "IO", file: place });
    expect(readdirSync(folder)).not.toContain("taken.partial");
    expect(readdirSync(place)).toEqual(["inside"]);
  });

  it("tells a full disk from other failures", () => {
    const full = Object.assign(new Error("no space left"), { code: "ENOSPC" });
    expect(writeFailure("x", full)).toMatchObject({
      code: "NO_SPACE",
      file: "x",
      message: expect.stringContaining("full"),
    });
    expect(writeFailure("x", Object.assign(new Error("denied"), { code: "EACCES" }))).toMatchObject({ code: "IO" });
  });
});
