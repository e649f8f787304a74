// Long jobs seen from the JS thread: order of progress and result, cancelling, errors, many at once.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runJob } from "../../lib/addon/job.js";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativeJob, NativeProgress } from "../../lib/addon/surface.js";
import { RetemperError } from "../../lib/errors.js";
import { meanPlan, sparseFile } from "./fixtures/plan.mjs";

const addon = loadAddon();
let folder = "";
let endless = ""; // takes minutes to hash, so a job on it is certainly in the middle

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-jobs-"));
  endless = sparseFile(join(folder, "endless"), 2 ** 40);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type OnProgress = (progress: NativeProgress) => void;
/** Every kind of job, short and long. `long` cannot end within a test. */
const JOBS: {
  name: string;
  short: (tag: string, p?: OnProgress) => NativeJob<unknown>;
  long: (p?: OnProgress) => NativeJob<unknown>;
}[] = [
  {
    name: "hashFiles",
    short: (_, onProgress) => addon.hashFiles([join(folder, "short")], onProgress),
    long: (onProgress) => addon.hashFiles([endless], onProgress),
  },
  {
    name: "merge",
    short: (tag, onProgress) => addon.merge(meanPlan(folder, { tensors: 3, output: tag }), onProgress),
    long: (onProgress) => addon.merge(longPlan(), onProgress),
  },
];

/** 1 GiB of output: long enough to be cancelled at its first progress report. */
function longPlan() {
  return meanPlan(mkdtempSync(join(folder, "long-")), { count: 2 ** 28, tensors: 64 });
}

beforeAll(() => writeFileSync(join(folder, "short"), "x".repeat(3_000_000)));

describe.each(JOBS)("$name", ({ short, long }) => {
  it("reports progress that never goes back, ends at the total, and comes before the result", async () => {
    const events: (NativeProgress | "result")[] = [];
    await short("ordered", (progress) => events.push(progress)).promise.then(() => events.push("result"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(events.length).toBeGreaterThanOrEqual(2);
    expect(events.at(-1)).toBe("result");
    const reports = events.slice(0, -1) as NativeProgress[];
    expect(reports.at(-1)?.done).toBe(reports.at(-1)?.total);
    expect(reports.map(({ done }) => done)).toEqual(reports.map(({ done }) => done).sort((a, b) => a - b));
  });

  it("works without a progress callback", async () => {
    await expect(short("silent").promise).resolves.toBeDefined();
  });

  it("stops when it is cancelled, with code CANCELLED", async () => {
    const job = long(() => job.cancel());
    await expect(job.promise).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("can be cancelled before it reports anything, and after it ended", async () => {
    const job = long();
    job.cancel();
    job.cancel();
    await expect(job.promise).rejects.toMatchObject({ code: "CANCELLED" });
    job.cancel();
    const done = short("late");
    await done.promise;
    done.cancel();
  });

  it("stops when the progress callback throws, and the error does not escape into the process", async () => {
    await expect(
      long(() => {
        throw new Error("from the callback");
      }).promise,
    ).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("rejects with the callback's own error through runJob", async () => {
    const mine = new Error("mine");
    const run = runJob<unknown, NativeProgress>(long, {
      onProgress: () => {
        throw mine;
      },
    });
    await expect(run).rejects.toBe(mine);
  });

  it("rejects with the signal's reason when aborted in the middle, and leaves no listener behind", async () => {
    const controller = new AbortController();
    const reason = new Error("the user changed his mind");
    const run = runJob<unknown, NativeProgress>(long, {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await expect(run).rejects.toBe(reason);
  });

  it("makes no native call when the signal is already aborted", async () => {
    const reason = new Error("before the start");
    let calls = 0;
    const run = runJob<unknown, NativeProgress>(
      (onProgress) => {
        calls++;
        return short("never", onProgress);
      },
      { signal: AbortSignal.abort(reason) },
    );
    await expect(run).rejects.toBe(reason);
    expect(calls).toBe(0);
  });

  it("keeps the event loop alive while it works", async () => {
    let turns = 0;
    const job = long();
    await new Promise<void>((resolve) => {
      const turn = () => {
        if (++turns < 100) setImmediate(turn);
        else resolve();
      };
      turn();
    });
    job.cancel();
    await expect(job.promise).rejects.toMatchObject({ code: "CANCELLED" });
    expect(turns).toBe(100);
  });
});

describe("hashFiles", () => {
  it("gives the digests of whole files, in order, empty ones too", async () => {
    const paths = ["", "abc", "x".repeat(2_500_000)].map((text, i) => {
      const path = join(folder, `hash-${i}`);
      writeFileSync(path, text);
      return path;
    });
    const expected = paths.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex"));
    expect(await addon.hashFiles(paths).promise).toEqual(expected);
    expect(await addon.hashFiles([]).promise).toEqual([]);
  });

  it("rejects with the file's name when one is missing", async () => {
    const path = join(folder, "missing");
    await expect(addon.hashFiles([join(folder, "short"), path]).promise).rejects.toMatchObject({
      code: "BAD_INPUT",
      file: path,
    });
  });
});

describe("errors of jobs", () => {
  it("carry the stack of the caller and the native facts", async () => {
    const path = join(folder, "missing");
    async function callerOfTheJob() {
      await runJob((onProgress) => addon.hashFiles([path], onProgress));
    }
    const error = await callerOfTheJob().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RetemperError);
    expect(error).toMatchObject({ code: "BAD_INPUT", file: path, exitStatus: 4 });
    expect((error as Error).stack).toContain("callerOfTheJob");
    expect((error as Error).message).toContain(path);
  });
});

describe("inputs that change while they are merged", () => {
  it.each(["map", "pread"] as const)(
    "a file that is cut off is reported, and the output removed (%s)",
    async (reading) => {
      const own = mkdtempSync(join(folder, "cut-"));
      const plan = meanPlan(own, { count: 2 ** 28, tensors: 64, reading });
      const path = plan.inputs[1]?.path ?? "";
      const job = addon.merge(plan, () => truncateSync(path, 4096));
      await expect(job.promise).rejects.toMatchObject({ code: "BAD_INPUT", file: path });
      expect(existsSync(plan.outputs[0]?.path ?? "")).toBe(false);
    },
  );

  it("a file that is replaced or touched before the merge is refused", async () => {
    const own = mkdtempSync(join(folder, "touched-"));
    const plan = meanPlan(own);
    utimesSync(plan.inputs[0]?.path ?? "", 1, 1);
    await expect(addon.merge(plan).promise).rejects.toMatchObject({ code: "BAD_INPUT", file: plan.inputs[0]?.path });
    expect(existsSync(plan.outputs[0]?.path ?? "")).toBe(false);
  });
});

describe("many jobs", () => {
  it("runs 300 at once, each with its own result", async () => {
    const paths = Array.from({ length: 300 }, (_, i) => {
      const path = join(folder, `many-${i}`);
      writeFileSync(path, `file ${i}`);
      return path;
    });
    const results = await Promise.all(paths.map((path) => addon.hashFiles([path], () => {}).promise));
    results.forEach(([digest], i) => {
      expect(digest).toBe(createHash("sha256").update(`file ${i}`).digest("hex"));
    });
  });

  it("runs 300 jobs of which every third is cancelled at once and every fifth fails", async () => {
    const settled = await Promise.allSettled(
      Array.from({ length: 300 }, (_, i) => {
        const job = addon.hashFiles([
          i % 5 === 4 ? join(folder, "missing") : i % 3 === 0 ? endless : join(folder, "short"),
        ]);
        if (i % 3 === 0) job.cancel();
        return job.promise;
      }),
    );
    settled.forEach((outcome, i) => {
      if (i % 5 === 4) expect(outcome).toMatchObject({ reason: { code: "BAD_INPUT" } });
      else if (i % 3 === 0) expect(outcome).toMatchObject({ reason: { code: "CANCELLED" } });
      else expect(outcome.status).toBe("fulfilled");
    });
  });

  it("runs merges side by side, with the same bytes as one alone", async () => {
    meanPlan(folder, { tensors: 7 }); // makes the inputs
    const reports = await Promise.all(
      Array.from({ length: 20 }, (_, i) => addon.merge(meanPlan(folder, { tensors: 7, output: `side-${i}` })).promise),
    );
    expect(new Set(reports.map((report) => report.sha256[0])).size).toBe(1);
    const output = readFileSync(join(folder, "side-0"));
    expect(createHash("sha256").update(output).digest("hex")).toBe(reports[0]?.sha256[0]);
    expect(output.readFloatLE(16)).toBe(2);
  });
});
