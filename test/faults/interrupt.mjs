// Compiles interrupt.c once and runs commands under it: what they change on the disk is counted, and one call can be met.

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const main = join(root, "dist/cli/main.js");
const source = fileURLToPath(new URL("interrupt.c", import.meta.url));

/** Every call that changes what is on the disk. */
export const CHANGES = "open,make,write,size,sync,rename,remove,link,mode";

/**
 * @typedef {{ number: number, kind: string, path: string, hit: boolean }} Call
 * @typedef {{ status: number, stdout: string, stderr: string, calls: Call[] }} Interrupted `status` is 137 after a kill.
 * @typedef {object} Interruption
 * @property {string} folder real path; only calls on what lies under it count
 * @property {string} [kinds] see interrupt.c; CHANGES by default
 * @property {number | string} [at] the number of the call that is met, "3+" for it and all that follow; none by default
 * @property {"kill" | "short" | number | `sh:${string}`} [action] a number is an errno, "sh:" a command that comes before
 * the call; "kill" by default
 * @property {Record<string, string | undefined>} [env]
 * @property {string} [cwd]
 * @property {string} [script] what Node runs; the built command `retemper` by default
 */

/** @type {string | undefined} */
let program;
/** @type {string | undefined} */
let missing;

/**
 * Why nothing can be interrupted here, or undefined where it can.
 * @returns {string | undefined}
 */
export function cannotInterrupt() {
  if (program !== undefined || missing !== undefined) return missing;
  if (process.platform !== "linux") {
    missing = "system calls are interrupted on Linux only";
    return missing;
  }
  // Compiled once, for all that run at the same time.
  const folder = join(root, "build/faults");
  const version = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16);
  const compiled = join(folder, `interrupt-${version}`);
  try {
    if (!existsSync(compiled)) {
      mkdirSync(folder, { recursive: true });
      const own = `${compiled}.${process.pid}`;
      execFileSync("cc", ["-O1", "-o", own, source], { stdio: ["ignore", "ignore", "pipe"] });
      renameSync(own, compiled);
    }
    execFileSync(compiled, [folder, CHANGES, "0", "kill", "/dev/null", "true"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    program = compiled;
  } catch (error) {
    const { stderr, message } = /** @type {Error & { stderr?: Buffer }} */ (error);
    missing = `system calls cannot be interrupted here: ${String(stderr ?? "").trim() || message}`;
  }
  return missing;
}

let reports = 0;

/**
 * Runs a command under interrupt.c.
 * @param {readonly string[]} args
 * @param {Interruption} interruption
 * @returns {Promise<Interrupted>}
 */
export function interrupt(
  args,
  { folder, kinds = CHANGES, at = 0, action = "kill", env = {}, cwd = root, script = main },
) {
  const reason = cannotInterrupt();
  if (reason !== undefined || program === undefined) return Promise.reject(new Error(reason));
  const report = join(tmpdir(), `retemper-calls-${process.pid}-${++reports}`);
  const how = [folder, kinds, String(at), String(action), report, process.execPath, script, ...args];
  const child = spawn(program, how, {
    cwd,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      const calls = existsSync(report) ? readReport(report) : [];
      rmSync(report, { force: true });
      resolve({ status: status ?? -1, stdout, stderr, calls });
    });
  });
}

/**
 * @param {string} file
 * @returns {Call[]}
 */
function readReport(file) {
  /** @type {Call[]} */
  const calls = [];
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, number, kind, path] = /^(\d+) (\w+) (.*)$/.exec(line) ?? [];
    const last = calls.at(-1);
    if (line === "hit" && last) last.hit = true;
    else if (number && kind && path) calls.push({ number: Number(number), kind, path, hit: false });
  }
  return calls;
}
