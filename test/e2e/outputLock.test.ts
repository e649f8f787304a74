// The lock of outputs, between processes: the kernel's, and what stands for it where there is none.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { root, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const library = join(folder, "noLocks.so");
const module = pathToFileURL(join(root, "dist/output/lockOutput.js")).href;
const children: ChildProcess[] = [];
let count = 0;

beforeAll(() => {
  const source = fileURLToPath(new URL("../addon/fixtures/noLocks.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-o", library, source]);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** A process that tries to take the lock, says how that went, and keeps it until it is killed or its stdin ends. */
async function holder(path: string, env: Readonly<Record<string, string>>) {
  const script = `const { lockOutput } = await import(${JSON.stringify(module)});
    try {
      const lock = lockOutput("the output", ${JSON.stringify(path)});
      process.stdin.on("end", () => { lock.release(); process.exit(0); }).resume();
      console.log("taken");
    } catch ({ code, message, hint }) {
      console.log(JSON.stringify({ code, message, hint }));
      process.exit(0);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const ended = new Promise((resolve) => child.on("close", resolve));
  const said = await new Promise<string>((resolve) => {
    child.stdout.setEncoding("utf8").once("data", (text: string) => resolve(text.trim()));
  });
  const end = (how: "release" | "kill") => {
    if (how === "kill") child.kill("SIGKILL");
    else child.stdin.end();
    return ended;
  };
  return { pid: child.pid, said, end };
}

describe.skipIf(process.platform !== "linux").each([
  ["by the kernel", () => ({}), ["lock"]],
  [
    "where the file system offers no locks",
    () => ({ LD_PRELOAD: `${process.env.LD_PRELOAD ?? ""} ${library}`.trim() }),
    ["lock.owner"],
  ],
  ["without the addon", () => ({ RETEMPER_ADDON: join(folder, "none.node") }), ["lock.owner"]],
] as const)("a lock %s", (_, env, files) => {
  it("is one process's at a time, by whatever path, and says whose", async () => {
    const place = join(folder, `${count++}`);
    mkdirSync(place);
    symlinkSync(place, `${place}-link`);
    const first = await holder(join(place, "lock"), env());
    expect(first.said).toBe("taken");
    expect(readdirSync(place)).toEqual(files);
    const second = await holder(join(`${place}-link`, "lock"), env());
    expect(JSON.parse(second.said)).toMatchObject({
      code: "OUTPUT_EXISTS",
      message: expect.stringContaining(`the output (process ${first.pid} on ${hostname()}, since `),
      hint: expect.stringContaining("wait until it has ended"),
    });
    await first.end("release");
    const third = await holder(join(place, "lock"), env());
    expect(third.said).toBe("taken");
    await third.end("release");
    expect(readdirSync(place)).toEqual([]);
  });

  it("is free at once when its process was killed", async () => {
    const place = join(folder, `${count++}`);
    mkdirSync(place);
    const first = await holder(join(place, "lock"), env());
    expect(first.said).toBe("taken");
    await first.end("kill");
    expect(readdirSync(place)).toEqual(files); // nobody tidied up
    const second = await holder(join(place, "lock"), env());
    expect(second.said).toBe("taken");
    await second.end("release");
  });
});

describe.skipIf(process.platform !== "linux")("a lock by a file", () => {
  const env = { RETEMPER_ADDON: join(folder, "none.node") };

  it("of another machine, or of one that cannot be told, stays, and says how it is removed", async () => {
    for (const text of [JSON.stringify({ pid: 1, host: "another", since: "2026-01-01" }), ""]) {
      const path = join(folder, `${count++}.lock`);
      writeFileSync(`${path}.owner`, text);
      const { said } = await holder(path, env);
      expect(JSON.parse(said)).toMatchObject({
        code: "OUTPUT_EXISTS",
        hint: expect.stringContaining(`remove ${path}.owner`),
      });
      expect(readFileSync(`${path}.owner`, "utf8")).toBe(text);
    }
  });

  it("of a process whose number another one has by now is taken over", async () => {
    const path = join(folder, `${count++}.lock`);
    const first = await holder(path, env);
    const owner = JSON.parse(readFileSync(`${path}.owner`, "utf8")) as object;
    writeFileSync(`${path}.owner`, JSON.stringify({ ...owner, started: "1" }));
    const second = await holder(path, env);
    expect(second.said).toBe("taken");
    await first.end("release");
    expect(readdirSync(folder)).toContain(`${path.slice(folder.length + 1)}.owner`); // it was no longer its own
  });
});
