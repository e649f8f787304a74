// The addon seen from outside: in worker threads, and when its thread or process ends in the middle of a job.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { casesOf } from "../long.js";
import { meanPlan } from "./fixtures/plan.mjs";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-environments-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** How a child process ends. */
function run(...args: string[]): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
}

describe("worker threads", () => {
  it("load the addon side by side with the main thread, and end by themselves", async () => {
    const addon = loadAddon();
    const expected = await addon.merge(meanPlan(folder, { output: "main" })).promise;
    const results = await Promise.all(
      Array.from({ length: 4 }, async (_, i) => {
        const worker = new Worker(fixture("useWorker.mjs"), { workerData: { folder, output: `worker-${i}` } });
        const message = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
        // The result is not enough: the environment has to tear down too.
        const code = new Promise((resolve) => worker.once("exit", resolve));
        return { message: await message, code: await code };
      }),
    );
    for (const { message, code } of results) {
      const digest = expected.sha256[0];
      expect(message).toEqual({ version: addon.describe().version, merged: digest, hashed: digest });
      expect(code).toBe(0);
    }
  });

  it.each(casesOf(["hashFiles", "merge"], ["hashFiles"]))(
    "are terminated in the middle of a %s job without harm",
    async (kind) => {
      const ending = await run(fixture("terminateWorkers.mjs"), kind, "12", folder);
      expect(ending).toMatchObject({ code: 0, signal: null, output: "terminated 12 ba7816bf\n" });
    },
  );
});

describe.each(["hashFiles", "merge"])("a process in the middle of a %s job", (kind) => {
  it("ends at process.exit with its status", async () => {
    const ending = await run(fixture("endInTheMiddle.mjs"), kind, "exit", folder);
    expect(ending).toEqual({ code: 7, signal: null, output: "" });
  });

  it("ends of an unhandled rejection with status 1 and its message", async () => {
    const ending = await run(fixture("endInTheMiddle.mjs"), kind, "uncaught", folder);
    expect(ending).toMatchObject({ code: 1, signal: null, output: expect.stringContaining("unhandled") });
  });

  it("ends of a signal that it does not handle", async () => {
    const ending = await run(fixture("endInTheMiddle.mjs"), kind, "kill", folder);
    expect(ending).toEqual({ code: null, signal: "SIGTERM", output: "" });
  });

  it("lives on when the progress callback throws: the job is cancelled", async () => {
    const ending = await run(fixture("endInTheMiddle.mjs"), kind, "throw", folder);
    expect(ending).toEqual({ code: 0, signal: null, output: "rejected CANCELLED\n" });
  });
});
