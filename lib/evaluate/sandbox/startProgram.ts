// Runs one program in one new sandbox and says how it went.

import { spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { rmdir } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { RetemperError } from "../../errors.js";
import { temporaryFolder } from "../../files/temporaryFolder.js";
import { type ControlGroup, makeControlGroup } from "./controlGroup.js";
import { killChildren } from "./killChildren.js";
import type { Launcher } from "./launchers.js";
import type { ProgramLimits } from "./programLimits.js";
import type { Python } from "./python.js";
import { type ProgramCheck, requestBytes, supervisorProgram } from "./supervisor.js";

/** What programs are run with. */
export interface Sandbox {
  readonly launcher: Launcher;
  readonly python: Python;
  readonly limits: ProgramLimits;
  /** Where each program gets a control group of its own, if it can have one. */
  readonly groupParent?: string | undefined;
}

export interface ProgramToStart {
  readonly source: string;
  readonly check?: ProgramCheck | undefined;
}

export interface StartOptions {
  readonly signal?: AbortSignal | undefined;
  /** A descriptor that the sandbox gets as a caller's left-over, and must close. For its own test. */
  readonly strayDescriptor?: number | undefined;
}

/** What came of it. `started` false: the sandbox could not be made, and `reason` is its own word. */
export interface ProgramOutcome {
  readonly started: boolean;
  readonly passed: boolean;
  readonly reason: string;
}

/** Time for a sandbox to come up on a busy machine. */
const START_MS = 30_000;
/** Time for a launcher to see that what it launched was killed. */
const INSIST_MS = 1_000;
/** Time for the kernel to end what was killed. */
const END_MS = 20_000;
/** Of what a sandbox says; programs themselves have no way to say anything. */
const MOST_OUTPUT = 8192;

/**
 * Everything that ran is dead when it resolves. The time limit is kept from outside too: what is over it is killed, first
 * process and all, whatever goes on in the sandbox.
 * @param timeoutMs counted from the program's first line
 * @throws the signal's reason; RetemperError SANDBOX where the kernel does not end a sandbox that was killed
 */
export async function startProgram(
  program: ProgramToStart,
  timeoutMs: number,
  sandbox: Sandbox,
  options: StartOptions = {},
): Promise<ProgramOutcome> {
  options.signal?.throwIfAborted();
  const { launcher, python, limits, groupParent } = sandbox;
  const folder = launcher.needsFolder ? await temporaryFolder("retemper-sandbox-") : "";
  // Mounted only in the sandbox's own namespace, and there only until that is its root: here it is an empty folder.
  const removeFolder = async () => {
    if (folder !== "") await rmdir(folder).catch(() => {});
  };
  let group: ControlGroup | undefined;
  try {
    if (groupParent !== undefined) group = await makeControlGroup(groupParent, limits);
    const request = requestBytes({
      ...limits,
      source: program.source,
      seconds: timeoutMs / 1000,
      uid: launcher.ownUsers ? randomInt(1_000_000_000, 2_000_000_000) : 0,
      proof: randomBytes(24).toString("hex"),
      check: program.check,
    });
    const command = launcher.command(python, supervisorProgram(), folder);
    const outcome = await supervise(group?.wrap(command) ?? command, request, timeoutMs, options, removeFolder);
    if (outcome.passed || !outcome.started || !(await group?.ranOutOfMemory())) return outcome;
    return { ...outcome, reason: `used more memory than it may: ${limits.memoryBytes} bytes` };
  } finally {
    await group?.remove();
    await removeFolder();
  }
}

function supervise(
  [file, ...args]: readonly [string, ...string[]],
  request: Buffer,
  timeoutMs: number,
  { signal, strayDescriptor }: StartOptions,
  onStart: () => void,
): Promise<ProgramOutcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ["pipe", "ignore", "pipe", "pipe", ...(strayDescriptor === undefined ? [] : [strayDescriptor])],
      env: ENVIRONMENT,
      cwd: "/",
    });
    const [stdin, , stderr, channel] = child.stdio as unknown as [Writable, null, Readable, Readable];
    const said = { channel: "", stderr: "" };
    let timedOut = false;
    let insist: NodeJS.Timeout | undefined;
    let hopeless: NodeJS.Timeout | undefined;
    const kill = () => {
      killChildren(child.pid); // the first process, hence all in its namespace; then its launcher ends
      stdin.destroy();
      insist ??= setTimeout(() => child.kill("SIGKILL"), INSIST_MS); // with which the first process ends in any case
      hopeless ??= setTimeout(() => {
        for (const stream of [stderr, channel]) stream.destroy();
        reject(
          new RetemperError("SANDBOX", `The kernel does not end a sandbox that was killed (process ${child.pid}).`),
        );
      }, END_MS);
    };
    const stopAtDeadline = () => {
      timedOut = true;
      kill();
    };
    let timer = setTimeout(kill, START_MS);
    for (const [name, stream] of [
      ["channel", channel],
      ["stderr", stderr],
    ] as const) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        const starts = name === "channel" && said.channel === "";
        if (said[name].length < MOST_OUTPUT) said[name] += text;
        if (!starts) return;
        onStart();
        clearTimeout(timer);
        timer = setTimeout(stopAtDeadline, timeoutMs);
      });
      stream.on("error", () => {});
    }
    signal?.addEventListener("abort", kill, { once: true });
    stdin.on("error", () => {}); // it ended before it read: its exit tells
    stdin.write(request);
    child.on("error", (error) => {
      said.stderr ||= error.message;
    });
    child.on("close", () => {
      for (const one of [timer, insist, hopeless]) clearTimeout(one);
      signal?.removeEventListener("abort", kill);
      stdin.destroy();
      if (signal?.aborted) reject(signal.reason);
      else resolve(outcome(said.channel, said.stderr, timedOut));
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

/** "ready", then in the next line "passed" or "failed" and the reason. */
function outcome(channel: string, stderr: string, timedOut: boolean): ProgramOutcome {
  const [, word, reason] = /^ready\n(?:(passed|failed) ([\s\S]*))?/.exec(channel) ?? [];
  if (!channel.startsWith("ready\n")) {
    const lines = stderr.trim().split("\n");
    const own = lines[0]?.startsWith("Traceback") ? lines.at(-1) : lines[0]; // Python says it last, tools say it first
    return { started: false, passed: false, reason: own || "it ended without a word" };
  }
  if (word === undefined)
    return { started: true, passed: false, reason: timedOut ? "timed out" : "killed with its sandbox" };
  return { started: true, passed: word === "passed", reason: reason ?? "" };
}
