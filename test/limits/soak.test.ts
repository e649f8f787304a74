// One process that merges, or opens and closes models, many times holds no more at the end than near the beginning: memory,
// files, threads. `npm run test:limits` does 1,000 merges and opens 60 models; `npm test` fewer.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { long, skipReason } from "./limits.js";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-soak-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Held {
  readonly memory: number;
  readonly heap: number;
  readonly files: number;
  readonly threads: number;
}

async function soak(what: "merges" | "models", count: number): Promise<void> {
  const program = join(import.meta.dirname, "fixtures", "soak.mjs");
  const own = mkdtempSync(join(folder, `${what}-`));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program, what, `${count}`, own]);
  const { held, seconds, lag } = JSON.parse(stdout) as {
    readonly held: readonly Held[];
    readonly seconds: number;
    readonly lag: Record<string, number>;
  };
  expect(held).toHaveLength(10);
  // Three tenths fill what is filled once: caches, compiled code, the allocator's arenas.
  const [early, late] = [held[2] as Held, held[9] as Held];
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  if (long) {
    // The lag is told and not judged here: it depends on what else the machine does.
    console.log(
      `${count} ${what} in ${seconds} s: memory ${held.map(({ memory }) => megabytes(memory)).join(" ")} MB, ` +
        `heap ${megabytes(early.heap)} to ${megabytes(late.heap)} MB, files ${early.files} to ${late.files}, ` +
        `threads ${early.threads} to ${late.threads}, event loop late by ${lag.p50} ms (median), ${lag.p99} ms ` +
        `(99 of 100), ${lag.max} ms (most)`,
    );
  }
  expect(late.files).toBe(early.files);
  expect(late.threads).toBe(early.threads);
  expect(late.heap - early.heap).toBeLessThan(4e6);
  expect(late.memory - early.memory).toBeLessThan(24e6);
}

describe.skipIf(skipReason !== undefined)("one process", { timeout: 1_200_000 }, () => {
  it("merges again and again, aborted and failing merges among them, and holds no more than before", async () => {
    await soak("merges", long ? 1000 : 60);
  });

  it("opens and closes models and virtual merges, and holds no more than before", async () => {
    await soak("models", long ? 60 : 20);
  });
});
