// Files that several runs may write at once.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeShared } from "../../../lib/files/writeShared.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-shared-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("writeShared", () => {
  it("leaves the whole of one of the texts where many are written at once, and nothing beside", async () => {
    const texts = Array.from({ length: 20 }, (_, i) => `${i} `.repeat(1000));
    const path = join(folder, "a/b/shared");
    await Promise.all(texts.map((text) => writeShared(path, text)));
    expect(texts).toContain(readFileSync(path, "utf8"));
    expect(readdirSync(join(folder, "a/b"))).toEqual(["shared"]);
  });

  it("says where it cannot write, and leaves nothing beside", async () => {
    const path = join(folder, "taken");
    mkdirSync(path);
    await expect(writeShared(path, "text")).rejects.toMatchObject({ code: "IO", file: path });
    expect(readdirSync(folder).filter((name) => name.startsWith("taken"))).toEqual(["taken"]);
  });
});
