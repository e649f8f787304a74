// The addon's memory runs out: each of its allocations fails once, in every function that it exports, on JavaScript's thread,
// in jobs, and in worker threads.

import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);

/** Why memory cannot be made to fail here; undefined where it can. */
function whyNot(): string | undefined {
  if (process.platform !== "linux") return "only Linux preloads libraries so";
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  if (header.glibcVersionRuntime === undefined) return "the C library is not glibc";
  if (process.env.LD_PRELOAD) return "a sanitizer allocates in its own way; the native tests fail its allocations";
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
  } catch {
    return "no C compiler (cc)";
  }
  return undefined;
}
const reason = whyNot();
if (reason !== undefined) process.stderr.write(`SKIPPED: memory does not fail for the addon: ${reason}\n`);

interface Way {
  readonly way: string;
  readonly lasting: 0 | 1;
  readonly failures: number;
  readonly errors: readonly string[];
  readonly others: readonly string[];
  readonly after: boolean;
}

describe.skipIf(reason !== undefined)("memory that runs out in the addon", { timeout: 180_000 }, () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "retemper-memory-"));
    execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", join(folder, "failMemory.so"), fixture("failMemory.c")]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(["the main thread", "a worker thread"])(
    "is OUT_OF_MEMORY with everything as it was, whichever allocation fails, in %s",
    async (thread) => {
      const own = mkdtempSync(join(folder, "run-"));
      const control = join(own, "control");
      writeFileSync(control, new Uint8Array(4096));
      const program = fixture("failingMemory.mjs");
      const args = [...(thread === "the main thread" ? [] : [fixture("inWorker.mjs")]), program, own, control];
      const { stdout } = await promisify(execFile)(process.execPath, args, {
        env: { ...process.env, LD_PRELOAD: join(folder, "failMemory.so"), FAIL_CONTROL: control },
      });
      const ways = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Way);
      expect(ways).toHaveLength(16);
      for (const { way, lasting, failures, ...rest } of ways) {
        expect(failures).toBeGreaterThan(0);
        expect({ way, lasting, ...rest }).toEqual({ way, lasting, errors: ["OUT_OF_MEMORY"], others: [], after: true });
      }
    },
  );
});
