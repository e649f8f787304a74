// Many programs at once: order, permission, failures of the sandbox itself.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSandbox } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { runPrograms } from "../../../../lib/evaluate/sandbox/runPrograms.js";

const limits = { memoryBytes: 2 ** 29, processes: 16, fileBytes: 2 ** 24 };
const problem = await openSandbox({ limits }).then(
  () => "",
  (error: Error) => error.message,
);
const folder = mkdtempSync(join(tmpdir(), "retemper-programs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("runPrograms", () => {
  it("refuses without permission, also before looking for a sandbox", async () => {
    for (const allow of [undefined, false, "yes"]) {
      const options = { allowCodeExecution: allow as unknown as true, python: "/nowhere" };
      await expect(runPrograms([{ source: "pass" }], options)).rejects.toMatchObject({
        code: "USAGE",
        hint: expect.stringContaining("--allow-code-execution"),
      });
    }
  });

  it("refuses a Python that is none", async () => {
    const fake = join(folder, "python3");
    writeFileSync(fake, "#!/bin/sh\necho no\n");
    chmodSync(fake, 0o755);
    for (const python of [fake, join(folder, "absent")]) {
      await expect(runPrograms([{ source: "pass" }], { allowCodeExecution: true, python })).rejects.toMatchObject({
        code: "SANDBOX",
        exitStatus: 14,
      });
    }
  });

  it.skipIf(problem)(`gives results in the programs' order, whichever ends first${problem}`, async () => {
    let ended: number[] = [];
    // The first sleeps until it is not the first to end, on however busy a machine.
    for (let seconds = 1; ended[0] === undefined || ended[0] === 0; seconds *= 4) {
      ended = [];
      const results = await runPrograms(
        [
          { source: `import time; time.sleep(${seconds})`, timeoutMs: 1000 * seconds + 10_000 },
          { source: "raise KeyError(1)" },
          { source: "pass" },
          { source: "while True: pass", timeoutMs: 200 },
        ],
        { allowCodeExecution: true, workers: 2, onResult: ({ index }) => ended.push(index) },
      );
      expect(results.map(({ reason }) => reason)).toEqual(["passed", "KeyError: 1", "passed", "timed out"]);
      expect([...ended].sort()).toEqual([0, 1, 2, 3]);
    }
  });

  it.skipIf(problem)("says what contains the programs", async () => {
    const facts: unknown[] = [];
    await runPrograms([{ source: "pass" }], { allowCodeExecution: true, onSandbox: (one) => facts.push(one) });
    expect(facts).toEqual([
      {
        kind: expect.any(String),
        python: expect.stringMatching(/^3\.\d+\.\d+$/),
        memory: expect.stringMatching(/^(watched|control group)$/),
      },
    ]);
  });

  it.skipIf(problem)("stops all of them when its signal says so", async () => {
    const controller = new AbortController();
    const programs = Array.from({ length: 20 }, () => ({ source: "while True: pass", timeoutMs: 60_000 }));
    const running = runPrograms(programs, { allowCodeExecution: true, workers: 3, signal: controller.signal });
    setTimeout(() => controller.abort(new Error("stop")), 1000);
    await expect(running).rejects.toThrow("stop");
  });
});
