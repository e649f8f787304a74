// Merges of models that are larger than the memory they may take. The models are holes on the disk, so that they take no
// space; their outputs do. `npm run test:limits` takes ten times the memory that is allowed, `npm test` less.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plan } from "../../lib/merge/plan.js";
import { casesOf, long as everyCase } from "../long.js";
import { limitedGroup } from "./cgroup.js";
import { sparseModels, TENSOR_BYTES } from "./fixtures/sparseModels.mjs";
import { long, skipReason } from "./limits.js";

/**
 * What the engine may take, and what the process may: Node itself reserves about 150 MiB, most of it for stacks, and for
 * moments of its garbage collection up to 100 MiB more. Where it does not get these, it ends the process.
 */
const MAX_MEMORY = 32 << 20;
const DATA_LIMIT = 384 << 20;
/** Tensors of 64 MiB in each of two inputs. */
const TENSORS = long ? Math.ceil((10 * DATA_LIMIT) / TENSOR_BYTES) : 6;

/** One that reads each input once, and one that reads it twice and holds more. */
const METHODS = long ? ["linear", "ties"] : casesOf(["linear", "ties"], ["ties"]);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-limits-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code?: string;
  readonly message?: string;
  /** Bytes of anonymous memory: before the merge, and at most. */
  readonly before: number;
  readonly peak: number;
  /** Bytes of address space and of writable memory, reserved at most. */
  readonly address: number;
  readonly data: number;
  readonly estimate: number;
  readonly seconds: number;
  readonly size: number;
  readonly sha256: string;
}

/** In a process of its own, started by a shell that sets limits first. */
async function mergeUnder(limits: string, tensors: number, method: string, maxMemory = MAX_MEMORY): Promise<Outcome> {
  const program = join(import.meta.dirname, "fixtures", "mergeSparse.mjs");
  const own = mkdtempSync(join(folder, "merge-"));
  const args = [program, own, `${tensors}`, method, `${maxMemory}`, "2"];
  const { stdout } = await promisify(execFile)("sh", ["-c", `${limits}\nexec "$0" "$@"`, process.execPath, ...args]);
  rmSync(own, { recursive: true });
  return JSON.parse(stdout);
}

const kilobytes = (bytes: number) => Math.floor(bytes / 1024);
const told = (what: string, { peak, before, estimate, seconds }: Outcome) => {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  if (long) {
    console.log(
      `${what}: at most ${megabytes(peak)} MB of memory, ${megabytes(before)} MB of it before the merge, ` +
        `${megabytes(estimate)} MB foretold, ${seconds.toFixed(1)} s`,
    );
  }
};
const outputBytes = (TENSORS * TENSOR_BYTES) / 2;
const { bavail, bsize } = statfsSync(tmpdir());
const noSpace = bavail * bsize < 2 * outputBytes + 1e9 ? `less than ${2 * outputBytes + 1e9} bytes free` : undefined;
if (noSpace !== undefined) process.stderr.write(`SKIPPED: ${noSpace} in ${tmpdir()}\n`);

describe.skipIf(skipReason !== undefined || noSpace !== undefined)("memory", { timeout: 600_000 }, () => {
  it.each(casesOf(["linear", "ties"], ["linear"]))(
    "of a %s merge is what was foretold, and no more for a larger model",
    async (method) => {
      const [small, large] = [await mergeUnder("", 2, method), await mergeUnder("", TENSORS, method)];
      told(`${method}, ${TENSORS * 64} MiB an input`, large);
      for (const { code, peak, estimate } of [small, large]) {
        expect(code).toBeUndefined();
        expect(peak).toBeLessThan(estimate);
      }
      expect(large.peak - large.before).toBeLessThan(MAX_MEMORY + 24e6);
      expect(large.peak - small.peak).toBeLessThan(24e6);
    },
  );

  it("of an adapter's factors is that of one matrix at a time", async () => {
    const [few, many] = [await mergeUnder("", 6, "adapter"), await mergeUnder("", 12, "adapter")];
    told("an adapter of rank 512 on 12 matrices", many);
    expect(many.code).toBeUndefined();
    expect(many.peak - few.peak).toBeLessThan(50e6); // factors of six: 100 MB
  });

  it.each(METHODS)("may be limited to a fraction of a model that a %s merge reads", async (method) => {
    const outcome = await mergeUnder(`ulimit -d ${kilobytes(DATA_LIMIT)}`, TENSORS, method);
    told(`${method} under ulimit -d, ${TENSORS * 64} MiB an input`, outcome);
    expect(outcome.code).toBeUndefined();
    expect(outcome.data).toBeLessThanOrEqual(DATA_LIMIT);
    expect(outcome.size).toBeGreaterThan(outputBytes);
  });

  it.each(METHODS)("of everything, the pages of files among it, may be limited so: %s", async (method) => {
    const group = limitedGroup(DATA_LIMIT);
    if (typeof group === "string") {
      process.stderr.write(`SKIPPED: ${group}\n`);
      return;
    }
    try {
      const outcome = await mergeUnder(group.enter, TENSORS, method);
      const peak = group.peak() ?? 0;
      told(`${method} in a control group (${(peak / 1e6).toFixed(1)} MB of pages at most)`, outcome);
      expect(outcome.code).toBeUndefined();
      expect(peak).toBeLessThanOrEqual(DATA_LIMIT);
      expect(outcome.size).toBeGreaterThan(outputBytes);
    } finally {
      group.remove();
    }
  });

  it.runIf(long || everyCase)(
    "may be so little address space that not all inputs can be mapped: the same bytes, or OUT_OF_MEMORY",
    async () => {
      const free = await mergeUnder("", TENSORS, "linear");
      const mapped = 2 * TENSORS * TENSOR_BYTES;
      expect(free.address).toBeGreaterThan(mapped);
      // What everything else reserved. Node and glibc end the process where they get no room for what they cannot do without,
      // which happened in 1 of 12 runs at 200 MB less.
      const rest = free.address - mapped;
      const outcomes: Outcome[] = [];
      for (let limit of [rest - 50e6, rest, rest + mapped / 4, rest + mapped / 2]) {
        const under = () => mergeUnder(`ulimit -v ${kilobytes(limit)}`, TENSORS, "linear");
        // what Node's own collector needs by the way differs from run to run, and it ends the process where it is refused
        for (let found: Outcome | undefined; !found; ) {
          found = await under().catch((error: { stderr?: string }) => {
            if (!/Last few GCs/.test(error.stderr ?? "") || limit > rest + mapped / 2) throw error;
            limit += 50e6;
            return undefined;
          });
          if (found) outcomes.push(found);
        }
        const { code, address, sha256 } = outcomes.at(-1) as Outcome;
        expect(address).toBeLessThanOrEqual(limit);
        if (code === undefined) expect(sha256).toBe(free.sha256);
        else expect(code).toBe("OUT_OF_MEMORY");
      }
      expect(outcomes.some(({ code }) => code === undefined)).toBe(true);
    },
  );

  it("that is too little for one thread is refused before anything is written, with what is needed", async () => {
    const outcome = await mergeUnder("", 2, "linear", 1 << 20);
    expect(outcome.code).toBe("OUT_OF_MEMORY");
    expect(outcome.message).toMatch(/needs at least \d+ MB of memory, and 1 MB are allowed/);
  });

  it("is no matter of the model's size for a plan: ten times the memory of this machine", async () => {
    const tensors = Math.ceil((10 * totalmem()) / TENSOR_BYTES);
    const [aligned, tuned] = sparseModels(join(folder, "huge"), ["aligned", "tuned"], tensors);
    const before = process.memoryUsage().rss;
    const { estimate } = await plan({
      merge_method: "slerp",
      base_model: aligned as string,
      models: [{ model: tuned as string }],
      parameters: { t: 0.5 },
      out_dtype: "bfloat16",
    });
    expect(estimate.bytesRead).toBe(2 * tensors * TENSOR_BYTES);
    expect(estimate.peakMemory).toBeLessThan(1e9);
    expect(process.memoryUsage().rss - before).toBeLessThan(500e6);
  });
});
