// What is not there, told apart from what cannot be looked at.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { exists } from "../../../lib/files/exists.js";
import { freeBytes } from "../../../lib/files/freeBytes.js";
import { readIfThere } from "../../../lib/files/readIfThere.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-exists-"));
const file = join(folder, "file");
writeFileSync(file, "");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a path", () => {
  it("is not there below nothing, below a file, and with a name that none can have", async () => {
    expect(await exists(file)).toBe(true);
    for (const path of [join(folder, "no", "no"), join(file, "no"), join(folder, "x".repeat(300))]) {
      expect(await exists(path)).toBe(false);
    }
  });

  it("is an error where the links on it lead in a circle, so that nothing is known", async () => {
    symlinkSync(join(folder, "b"), join(folder, "a"));
    symlinkSync(join(folder, "a"), join(folder, "b"));
    await expect(exists(join(folder, "a", "no"))).rejects.toMatchObject({ code: "ELOOP" });
    await expect(freeBytes(join(folder, "a", "no"))).rejects.toMatchObject({ code: "IO" });
  });

  it("is read where it is there; what cannot be read is IO and not absent", async () => {
    const limit = { most: 10, what: "a note" };
    expect(await readIfThere(file, limit)).toBe("");
    expect(await readIfThere(join(folder, "none"), limit)).toBeUndefined();
    expect(await readIfThere(join(file, "none"), limit)).toBeUndefined();
    await expect(readIfThere(folder, limit)).rejects.toMatchObject({ code: "IO", file: folder });
    await expect(readIfThere(join(folder, "a"), limit)).rejects.toMatchObject({ code: "IO" });
  });

  it("has the free space of the nearest folder above it", async () => {
    const free = await freeBytes(folder);
    const deep = await freeBytes(join(folder, "no", "deeper", "x".repeat(300)));
    if (free === undefined) expect(deep).toBeUndefined();
    else expect(Math.abs((deep ?? 0) - free)).toBeLessThan(2 ** 30); // others write meanwhile
  });
});
