// Runs one program in one new sandbox and says how it went.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rmdir } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { temporaryFolder } from "../../files/temporaryFolder.js";
import type { Launcher } from "./launchers.js";
import type { Python } from "./python.js";
import { SUPERVISOR, type SupervisorReport, type SupervisorRequest } from "./supervisor.js";

export interface ProgramLimits {
  readonly memoryBytes: number;
  readonly processes: number;
  readonly fileBytes: number;
}

/** What came of it. `started` false: the sandbox could not be made, and `reason` is its own word. */
export interface ProgramOutcome extends SupervisorReport {
  readonly started: boolean;
}

/** Time for a sandbox to come up on a busy machine, and to report after a program's time is over. */
const GRACE_MS = 30_000;
/** Of what a sandbox says; programs themselves have no way to say anything. */
const MOST_OUTPUT = 8192;

/** Never rejects but with the signal's reason. Everything that ran is dead when it resolves. */
export async function startProgram(
  source: string,
  timeoutMs: number,
  sandbox: { readonly launcher: Launcher; readonly python: Python; readonly limits: ProgramLimits },
  signal?: AbortSignal,
): Promise<ProgramOutcome> {
  signal?.throwIfAborted();
  const { launcher, python, limits } = sandbox;
  const folder = launcher.needsFolder ? await temporaryFolder("retemper-sandbox-") : "";
  try {
    const [file, ...args] = launcher.command(python, SUPERVISOR, folder);
    const request: SupervisorRequest = {
      source,
      proof: randomBytes(24).toString("hex"),
      seconds: timeoutMs / 1000,
      ...limits,
    };
    return await supervise(file, args, request, timeoutMs + GRACE_MS, signal);
  } finally {
    // Mounted only in the sandbox's own namespace: here it is an empty folder.
    if (folder !== "") await rmdir(folder).catch(() => {});
  }
}

function supervise(
  file: string,
  args: readonly string[],
  request: SupervisorRequest,
  patienceMs: number,
  signal: AbortSignal | undefined,
): Promise<ProgramOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["pipe", "ignore", "pipe", "pipe"], env: ENVIRONMENT, cwd: "/" });
    const [stdin, , stderr, channel] = child.stdio as unknown as [Writable, null, Readable, Readable];
    const said = { channel: "", stderr: "" };
    for (const [name, stream] of [
      ["channel", channel],
      ["stderr", stderr],
    ] as const) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        if (said[name].length < MOST_OUTPUT) said[name] += text;
      });
      stream.on("error", () => {});
    }
    const kill = () => {
      child.kill("SIGKILL");
      stdin.destroy(); // the supervisor ends, and with it everything, where the launcher's end does not reach it
    };
    const patience = setTimeout(kill, patienceMs);
    signal?.addEventListener("abort", kill, { once: true });
    stdin.on("error", () => {}); // it ended before it read: its exit tells
    const payload = Buffer.from(JSON.stringify(request));
    stdin.write(`${String(payload.length).padStart(8, "0")}`);
    stdin.write(payload);
    child.on("error", (error) => {
      said.stderr ||= error.message;
    });
    child.on("close", () => {
      clearTimeout(patience);
      signal?.removeEventListener("abort", kill);
      stdin.destroy();
      if (signal?.aborted) reject(signal.reason);
      else resolve(outcome(said.channel, said.stderr));
    });
  });
}

/** Nothing of the caller's environment: keys and tokens live there. */
const ENVIRONMENT = {
  PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
  HOME: "/tmp",
  TMPDIR: "/tmp",
  LANG: "C.UTF-8",
  OMP_NUM_THREADS: "1",
  PYTHONDONTWRITEBYTECODE: "1",
};

function outcome(channel: string, stderr: string): ProgramOutcome {
  const [ready, text] = channel.split("\n", 2);
  if (ready !== "ready") {
    const reason = stderr.trim().split("\n", 1)[0] || "it ended without a word";
    return { started: false, passed: false, reason };
  }
  try {
    const { passed, reason } = JSON.parse(text ?? "") as SupervisorReport;
    return { started: true, passed: passed === true, reason: String(reason) };
  } catch {
    return { started: true, passed: false, reason: "killed with its sandbox" };
  }
}
