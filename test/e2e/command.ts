// Runs the command line: in this process, where a test asks what it says and does (`run`), and as users do, in a process of
// its own, where signals, pipes, limits or the end of the process are the question (`start`, `runProcess`).

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { runHere } from "../unit/cli/inProcess.js";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const main = join(root, "dist/cli/main.js");
export const demoModel = join(root, "demo/model");
export const demoAdapter = join(root, "demo/adapters/seed-42");

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves when stdout holds a line that fits; rejects when the process ends before. */
  line(fits: (line: string) => boolean): Promise<string>;
}

export interface StartOptions {
  /** Given to its stdin, which then ends; "open": the test writes to it. By default nothing is there to read. */
  readonly input?: string | undefined;
}

export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { input }: StartOptions = {},
): Running {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...env },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  }) as ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };
  if (input !== undefined && input !== "open") child.stdin?.end(input);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return {
    process: child,
    finished,
    line: (fits) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = stdout.split("\n").slice(0, -1).find(fits);
          if (found !== undefined) resolve(found);
        };
        child.stdout.on("data", look);
        child.on("close", () => reject(new Error(`ended without the line:\n${stdout}\n${stderr}`)));
        look();
      }),
  };
}

/** In a process of its own. */
export function runProcess(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
  options?: StartOptions,
): Promise<Finished> {
  return start(args, env, options).finished;
}

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
/** Runs follow one another: each has the environment to itself. */
let last: Promise<unknown> = Promise.resolve();

/** In this process, by the same program over streams that keep what they are given. */
export function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { input }: StartOptions = {},
): Promise<Finished> {
  const one = last.then(async () => {
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      const colourless = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...env };
      return { signal: null, ...(await runHere(args, { env: colourless, input, version })) };
    } finally {
      for (const name of Object.keys(env)) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });
  last = one.catch(() => {});
  return one;
}

/** The JSON lines of an output. */
export function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A folder that is removed when the test file has run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "retemper-e2e-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
