// A caller of the sandbox that is killed: nothing that it started goes on. On the built package, in a process of its own.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { workingSandboxes } from "../../lib/evaluate/sandbox/openSandbox.js";

const dist = (file: string) => fileURLToPath(new URL(`../../dist/evaluate/sandbox/${file}.js`, import.meta.url));
const limits = { memoryBytes: 512 * 2 ** 20, processes: 16, fileBytes: 16 * 2 ** 20 };
const names: string[] = [];
const problems: string[] = [];
for await (const { launcher } of workingSandboxes({ limits }, problems)) names.push(launcher.name);

if (names.length === 0) it.skip(`HAS NO SANDBOX HERE TO TEST: ${problems.join("; ")}`, () => {});

/** Processes whose whole command line is this. */
function running(command: string): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8") === command.replaceAll(" ", "\0");
    } catch {
      return false;
    }
  });
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.each(names)("the sandbox of %s", (name) => {
  it("ends with its caller, also when that is killed and the program has tried to stop its supervisor", async () => {
    const command = `sleep 918${process.pid}.${name.length} `;
    const program = `
import ctypes, os
libc = ctypes.CDLL(None)
libc.ptrace(0x4206, 1, 0, 0)
libc.ptrace(0x4207, 1, 0, 0)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ${JSON.stringify(command.trim().split(" "))})
os.execvp("sleep", ${JSON.stringify(command.trim().split(" "))})
`;
    const folder = mkdtempSync(join(tmpdir(), "retemper-e2e-"));
    const caller = spawn(process.execPath, ["--input-type=module", "-e", CALLER], {
      stdio: "ignore",
      env: {
        ...process.env,
        TMPDIR: folder,
        NAME: name,
        PROGRAM: program,
        LIMITS: JSON.stringify(limits),
        OPEN: dist("openSandbox"),
        START: dist("startProgram"),
      },
    });
    await until(() => running(command).length === 4);
    await until(() => readdirSync(folder).length === 0); // what a sandbox is mounted on goes once it runs
    caller.kill("SIGKILL");
    await until(() => running(command).length === 0);
    expect(running(command)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

const CALLER = `
const { workingSandboxes } = await import(process.env.OPEN);
const { startProgram } = await import(process.env.START);
const { NAME, PROGRAM, LIMITS } = process.env;
for await (const sandbox of workingSandboxes({ limits: JSON.parse(LIMITS) })) {
  if (sandbox.launcher.name === NAME) await startProgram({ source: PROGRAM }, 600000, sandbox);
}
`;
