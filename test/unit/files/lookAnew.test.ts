import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { lookAnew } from "../../../lib/files/lookAnew.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-look-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("lookAnew", () => {
  it("changes a folder, which makes clients of a server ask, and leaves nothing in it", async () => {
    utimesSync(folder, 0, 0);
    await lookAnew(folder);
    expect(statSync(folder).mtimeMs).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("makes no folder and does not fail where there is none", async () => {
    await lookAnew(join(folder, "none"));
    expect(readdirSync(folder)).toEqual([]);
  });
});
