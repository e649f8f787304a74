// Files of open models and recipes that another program cuts off or rewrites: errors with a name, and a process that goes on.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo", "model");
const program = join(import.meta.dirname, "fixtures", "changeFiles.mjs");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-changed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Round {
  readonly what: string;
  readonly how: string;
  readonly before: unknown;
  readonly after: Record<string, unknown>;
}

// Processes at once, each of which opens nine models.
describe("files that change under an open model", { timeout: 180_000 }, () => {
  it.runIf(long).concurrent.each([1, 2, 4])(
    "are BAD_INPUT with the file's name, on %i threads, every time",
    async (threads) => {
      const own = mkdtempSync(join(folder, "threads-"));
      // A process that a signal ends is an error here.
      const { stdout } = await promisify(execFile)(process.execPath, [program, demo, own, `${threads}`]);
      const rounds = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Round);
      expect(rounds).toHaveLength(9);
      const file = join(own, "tuned", "model.safetensors");
      const changed = {
        name: "RetemperError",
        code: "BAD_INPUT",
        file,
        message: expect.stringContaining(`${file}: changed while it was read`),
      };
      for (const { what, how, before, after } of rounds) {
        expect({ what, how, before, after }).toEqual({
          ...{ what, how, before: "answers" },
          after: { logprobs: changed, logits: changed, generate: changed },
        });
      }
    },
  );
});
