// Runs the built command as users do, in a process of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

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
  /** Given to its stdin, which then ends; "open": the test writes to it. Nothing is there to read unless told. */
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

export function run(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
  options?: StartOptions,
): Promise<Finished> {
  return start(args, env, options).finished;
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
