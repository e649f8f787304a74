// Control groups of sandboxes, on machines where this process may make them.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findGroupParent, makeControlGroup } from "../../../../lib/evaluate/sandbox/controlGroup.js";
import { type Sandbox, workingSandboxes } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { startProgram } from "../../../../lib/evaluate/sandbox/startProgram.js";

const parent = (await findGroupParent()) ?? "";
const limits = { memoryBytes: 128 * 2 ** 20, processes: 16, fileBytes: 16 * 2 ** 20 };
const sandboxes: Sandbox[] = [];
if (parent !== "") for await (const sandbox of workingSandboxes({ limits })) sandboxes.push(sandbox);

if (parent === "") {
  it.skip("HAS NO CONTROL GROUPS HERE TO TEST: version 2 with a memory controller below which this user may make groups", () => {});
}

const groups = () => readdirSync(parent).filter((name) => name.startsWith("retemper-"));
const nap = () => new Promise((resolve) => setTimeout(resolve, 10));

describe.runIf(parent !== "")("a control group", () => {
  it("of a caller that is gone is removed", async () => {
    const left = join(parent, "retemper-4194305-gone"); // above the largest process id
    mkdirSync(left);
    expect(await findGroupParent()).toBe(parent);
    expect(existsSync(left)).toBe(false);
  });

  it("kills what takes more memory, tells, and is gone afterwards with what is left in it", async () => {
    const group = await makeControlGroup(parent, { ...limits, memoryBytes: 0 }); // 64 MiB for all
    const take = "const kept = []; for (;;) kept.push(Buffer.alloc(2 ** 20, 1));";
    const [file, ...args] = group.wrap([process.execPath, "-e", take]);
    expect(spawnSync(file, args).signal).toBe("SIGKILL");
    expect(await group.ranOutOfMemory()).toBe(true);
    const [sleep, ...times] = group.wrap(["sleep", "1000"]);
    const sleeper = spawn(sleep, times);
    const ended = new Promise((resolve) => sleeper.on("close", (_, signal) => resolve(signal)));
    while (!readFileSync(`/proc/${sleeper.pid}/cmdline`, "utf8").startsWith("sleep")) await nap();
    await group.remove();
    expect(await ended).toBe("SIGKILL");
    expect(groups()).toEqual([]);
  });
});

describe.each(sandboxes)("the control group of $launcher.name", (sandbox) => {
  it("is there with its limits and the sandbox's processes, and gone afterwards", async () => {
    expect(sandbox.groupParent).toBe(parent);
    const running = startProgram({ source: "import time; time.sleep(100)" }, 2000, sandbox);
    const said = (name: string) => {
      try {
        return readFileSync(join(parent, groups()[0] ?? "none", name), "utf8").trim();
      } catch {
        return "";
      }
    };
    while (said("cgroup.procs").split("\n").length < 3) await nap();
    expect(Number(said("memory.max"))).toBe(limits.memoryBytes + 64 * 2 ** 20);
    expect(said("memory.oom.group")).toBe("1");
    expect(Number(said("pids.max"))).toBe(limits.processes + 8);
    expect(await running).toMatchObject({ reason: "timed out" });
    expect(groups()).toEqual([]);
  });
});
