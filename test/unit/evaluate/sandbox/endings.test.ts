// A sandbox ends when its time is over, whatever happens in it: killed from outside. (With its caller: test/e2e/sandbox.test.ts.)

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Sandbox, workingSandboxes } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { startProgram } from "../../../../lib/evaluate/sandbox/startProgram.js";
import { casesOf, long } from "../../../long.js";

const limits = { memoryBytes: 512 * 2 ** 20, processes: 16, fileBytes: 16 * 2 ** 20 };
const sandboxes: Sandbox[] = [];
const problems: string[] = [];
for await (const sandbox of workingSandboxes({ limits }, problems)) sandboxes.push(sandbox);

if (sandboxes.length === 0) it.skip(`HAS NO SANDBOX HERE TO TEST: ${problems.join("; ")}`, () => {});

/** Processes that this one has started, and those that they have. */
function descendants(of: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    try {
      const [, state, parent] = /\) (.) (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
      if (state !== "Z") parents.set(Number(name), Number(parent));
    } catch {
      // it has just ended
    }
  }
  const within = (pid: number | undefined): boolean => pid !== undefined && (pid === of || within(parents.get(pid)));
  return [...parents.keys()].filter((pid) => pid !== of && within(pid));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

async function until<T>(what: () => T | undefined): Promise<T> {
  for (;;) {
    const found = what();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each(casesOf(sandboxes, sandboxes.slice(0, 1)))("the sandbox of $launcher.name", (sandbox) => {
  it.runIf(long)("ends at its deadline also when its first process has been stopped", async () => {
    const mark = `917${process.pid}`;
    const source = `import os\nos.execvp("sleep", ["sleep", "${mark}"])`;
    const running = startProgram({ source }, 5000, sandbox);
    const program = await until(() => descendants(process.pid).find((pid) => commandOf(pid) === `sleep ${mark} `));
    const [, supervisor] = /\) . (\d+)/.exec(readFileSync(`/proc/${program}/stat`, "utf8")) ?? [];
    expect(commandOf(Number(supervisor))).toContain("supervise()");
    process.kill(Number(supervisor), "SIGSTOP");
    expect(await running).toEqual({ started: true, passed: false, reason: "timed out" });
    expect(commandOf(program)).toBe("");
    expect(commandOf(Number(supervisor))).toBe("");
  });
});
