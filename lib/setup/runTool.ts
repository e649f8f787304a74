// Runs an outside program (pip, npm, a compiler) and tells how it ended.

import { execFile } from "node:child_process";

export interface ToolResult {
  /** Exit status; undefined where the program could not be started. */
  readonly status: number | undefined;
  /** Why it could not be started: "ENOENT" where there is no such program. */
  readonly problem: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly cwd?: string | undefined;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Waits until the program has ended. Rejects only when the signal is aborted, with its reason; the program is ended then. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { cwd, env, signal } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      { cwd, env: { ...process.env, ...env }, signal, maxBuffer: 1 << 26, encoding: "utf8" },
      (error, stdout, stderr) => {
        if (signal?.aborted) reject(signal.reason);
        else if (error === null) resolve({ status: 0, problem: undefined, stdout, stderr });
        else if (typeof error.code === "number") resolve({ status: error.code, problem: undefined, stdout, stderr });
        else resolve({ status: undefined, problem: String(error.code ?? error.message), stdout, stderr });
      },
    );
  });
}

/** The last lines of what a program said that are worth repeating in an error. */
export function lastWords({ stdout, stderr, problem }: ToolResult, lines = 4): string {
  const text = `${stdout}\n${stderr}`.split("\n").map((line) => line.trim());
  const said = text.filter((line) => line !== "" && !/^(\[notice\]|WARNING: )/.test(line)).slice(-lines);
  return said.length > 0 ? said.join("\n") : (problem ?? "it said nothing");
}
