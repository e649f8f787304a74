// A file that is here as far as it was asked for.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { FarFile } from "../../../lib/checkpoint/farFile.js";

const root = mkdtempSync(join(tmpdir(), "retemper-far-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a far file", () => {
  it("brings what was not asked for before", async () => {
    const asked: number[][] = [];
    const bring = async ({ offset, length }: { offset: number; length: number }) => {
      asked.push([offset, length]);
      return Buffer.from(Array.from({ length }, (_, at) => offset + at));
    };
    await FarFile.with(join(root, "whole"), 20, bring, async (file) => {
      expect([...(await file.read(4, 3))]).toEqual([4, 5, 6]);
      expect([...(await file.read(2, 8))]).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    });
    expect(asked).toEqual([
      [4, 3],
      [2, 2],
      [7, 3],
    ]);
  });

  it("says so where fewer bytes come than were asked for, which would be zeros", async () => {
    const path = join(root, "short");
    const read = FarFile.with(
      path,
      20,
      async () => Buffer.from([1, 2]),
      (file) => file.read(0, 8),
    );
    await expect(read).rejects.toMatchObject({ code: "NETWORK", file: path });
  });
});
