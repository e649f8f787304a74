// Files of a study that several processes write at once.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeBeside } from "../../../lib/study/results/writeBeside.js";

it("are whole whoever writes them at once, and nothing else stays", async () => {
  const folder = mkdtempSync(join(tmpdir(), "retemper-beside-"));
  try {
    const file = join(folder, "study.json");
    const texts = Array.from({ length: 12 }, (_, at) => `${at}`.repeat(50_000));
    await Promise.all(texts.map((text) => writeBeside(file, text)));
    expect(texts).toContain(readFileSync(file, "utf8"));
    expect(readdirSync(folder)).toEqual(["study.json"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
