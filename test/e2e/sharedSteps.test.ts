// Processes that share the steps of one folder: each step is one's, that of a killed or stopped one is taken over by exactly one
// other, and whoever has lost a step knows it.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { joinWorkers } from "../../lib/experiment/sharing/joinWorkers.js";
import type { Claim, Workers } from "../../lib/experiment/sharing/workers.js";
import { long } from "../long.js";
import { root } from "./command.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-share-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const one of running) one.kill("SIGKILL");
});
let out: string;
beforeEach(() => {
  out = mkdtempSync(join(folder, "out-"));
});

/** A worker in a process of its own; resolves lines as they come. */
function worker(...args: readonly (string | number)[]) {
  const child = spawn(process.execPath, [join(root, "test/e2e/shareSteps.mjs"), out, ...args.map(String)], {
    stdio: ["ignore", "pipe", "pipe"],
  }) as ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };
  running.add(child);
  let [stdout, stderr] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const ended = new Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }>(
    (resolve) => {
      child.on("close", (status) => {
        running.delete(child);
        resolve({ status, stdout, stderr });
      });
    },
  );
  const said = (line: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => line.test(stdout) && resolve();
      child.stdout.on("data", look);
      child.on("close", () => reject(new Error(`ended without ${line}:\n${stdout}\n${stderr}`)));
      look();
    });
  return { child, ended, said };
}

const begun = () => readFileSync(join(out, "begun"), "utf8").trim().split("\n");
const records = () => readdirSync(join(out, "steps")).sort();
const keys = (count: number) => Array.from({ length: count }, (_, i) => `step-${i}`);
const join4 = (deadAfter = 60_000) =>
  Promise.all(
    [0, 1, 2, 3].map((index) =>
      joinWorkers(out, { index, count: 4 }, { experiment: "steps", rhythm: { beat: deadAfter / 20, deadAfter } }),
    ),
  );
const close = (workers: readonly Workers[]) => Promise.all(workers.map((one) => one.close()));
/** Tries a claim until nobody has it any more. */
async function take(workers: Workers, key: string): Promise<Claim> {
  for (;;) {
    const claim = await workers.claim(key);
    if (claim) return claim;
    await workers.settled();
  }
}

it.runIf(long)("gives each step to one of four processes, and leaves nothing but the records", async () => {
  const all = await Promise.all([0, 1, 2, 3].map((i) => worker(`${i}/4`, 24, 5).ended));
  expect(all.map(({ status, stderr }) => `${status}${stderr}`)).toEqual(["0", "0", "0", "0"]);
  const lines = begun().map((line) => line.split(" ") as [string, string]);
  expect(lines.map(([key]) => key).sort()).toEqual(keys(24).sort()); // none twice
  for (const [key, id] of lines) expect(readFileSync(join(out, "steps", `${key}.json`), "utf8")).toBe(id);
  expect(readdirSync(out).sort()).toEqual(["begun", "steps"]);
  expect(records()).toEqual(
    keys(24)
      .map((key) => `${key}.json`)
      .sort(),
  );
});

it("takes over at once what a killed process of this machine had, and of many that want it one does", async () => {
  const killed = worker("0/1", 1, 600_000);
  await killed.said(/claimed step-0/);
  const others = await join4();
  expect(await Promise.all(others.map((one) => one.claim("step-0")))).toEqual(Array(4).fill(undefined));
  killed.child.kill("SIGKILL");
  await killed.ended;
  const claims = await Promise.all(others.map((one) => one.claim("step-0")));
  expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
  await close(others);
  expect(records()).toEqual([]);
});

it.runIf(long)("does all steps, also the share of a process that is killed and does not come back", async () => {
  const killed = worker("0/2", 8, 600_000);
  await killed.said(/claimed/);
  const other = worker("1/2", 8, 0);
  await other.said(/claimed/);
  killed.child.kill("SIGKILL");
  expect(await other.ended).toMatchObject({ status: 0, stderr: "" });
  expect(records()).toEqual(
    keys(8)
      .map((key) => `${key}.json`)
      .sort(),
  );
  expect(begun()).toHaveLength(9); // only the killed one's step a second time
});

it("takes over from a process that does not move, which then knows that the step is lost and records nothing", async () => {
  const stopped = worker("0/1", 1, 600_000, 400);
  await stopped.said(/claimed step-0/);
  stopped.child.kill("SIGSTOP");
  const [mine, ...others] = (await join4(400)) as [Workers, ...Workers[]];
  const claim = await take(mine, "step-0");
  expect(claim.lost.aborted).toBe(false);
  stopped.child.kill("SIGCONT");
  await stopped.said(/lost step-0/);
  expect(records()).toEqual([".step-0.claim"]); // mine
  writeFileSync(join(out, "steps/step-0.json"), mine.id, { flag: "wx" });
  await claim.release();
  expect((await stopped.ended).stdout).toMatch(/lost step-0\ndone\n$/); // it sees the step done
  await close([mine, ...others]);
  expect(records()).toEqual(["step-0.json"]);
});
