// Finds a sandbox that works on this machine, and proves that it contains what it must before anything is run in it.

import { lstat, open, readlink, stat } from "node:fs/promises";
import { homedir, platform } from "node:os";
import { RetemperError } from "../../errors.js";
import { findGroupParent } from "./controlGroup.js";
import { type Launcher, launchers, SYSTEM_FOLDERS, TMP_BYTES } from "./launchers.js";
import type { ProgramLimits } from "./programLimits.js";
import { findPython } from "./python.js";
import { type ProgramOutcome, type ProgramToStart, type Sandbox, startProgram } from "./startProgram.js";
import { insideFile } from "./supervisor.js";

export type { Sandbox };

export interface SandboxOptions {
  /** Python to run programs with; the system's by default. */
  readonly python?: string | undefined;
  readonly limits: ProgramLimits;
  readonly signal?: AbortSignal | undefined;
}

const SELF_TEST_MS = 20_000;

/**
 * The first way to make a sandbox that passes its own test: namespaces of its own, no network, no home folder, no writing
 * outside of /tmp, no other process in sight.
 * @throws RetemperError SANDBOX that says what was tried, and why it did not do
 */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox> {
  const problems: string[] = [];
  for await (const sandbox of workingSandboxes(options, problems)) return sandbox;
  throw new RetemperError("SANDBOX", `Programs cannot be contained on this machine. ${problems.join("; ")}.`, {
    hint: "install bubblewrap (Debian: apt install bubblewrap); inside a container, user namespaces must be allowed",
  });
}

/** All ways that work here, best first; says in `problems` why the others do not. */
export async function* workingSandboxes(
  { python: wanted, limits, signal }: SandboxOptions,
  problems: string[] = [],
): AsyncGenerator<Sandbox> {
  requireLinux();
  const python = await findPython(wanted);
  const root = (await stat("/proc/self")).uid === 0;
  const stray = await open("/", "r"); // as a shell's left-over would be: the sandbox must close it
  try {
    const groupParents = [await findGroupParent(), undefined].filter((one, at) => at === 1 || one !== undefined);
    for (const launcher of launchers(root, await systemLinks())) {
      for (const groupParent of groupParents) {
        const sandbox = { launcher, python, limits, groupParent };
        const options = { signal, strayDescriptor: stray.fd };
        const outcome = await startProgram(await selfTest(launcher), SELF_TEST_MS, sandbox, options).catch(notStarted);
        if (outcome.passed) {
          yield sandbox;
          break; // without a control group only where there can be none
        }
        const { started, reason } = outcome;
        const what = `${launcher.name}${groupParent === undefined ? "" : " in a control group"}`;
        problems.push(`${what}: ${started ? `it does not contain programs (${reason})` : reason}`);
      }
    }
  } finally {
    await stray.close();
  }
}

/** @throws RetemperError SANDBOX on another system: a sandbox is made of namespaces, which Linux alone has. */
export function requireLinux(system: string = platform()): void {
  if (system === "linux") return;
  throw new RetemperError("SANDBOX", `Programs that a model wrote are run on Linux only; this system is ${system}.`, {
    hint: "evaluate such tasks on a Linux machine or in a Linux virtual machine; everything else runs here",
  });
}

/** A control group that cannot be made is one way less. Whatever else goes wrong is thrown on. */
function notStarted(error: Error): ProgramOutcome {
  if (!(error instanceof RetemperError) || error.code !== "SANDBOX") throw error;
  return { started: false, passed: false, reason: error.message };
}

async function systemLinks(): Promise<Map<string, string | null>> {
  const links = new Map<string, string | null>();
  for (const name of SYSTEM_FOLDERS) {
    const status = await lstat(`/${name}`).catch(() => undefined);
    if (status?.isSymbolicLink()) links.set(name, await readlink(`/${name}`));
    else if (status?.isDirectory()) links.set(name, null);
  }
  return links;
}

/** Namespaces that the sandbox must not share with us. */
const NAMESPACES = ["net", "pid", "mnt", "ipc"];

/** A program that gives what is open that must be closed, and a check that nothing is. */
async function selfTest({ ownUsers }: Launcher): Promise<ProgramToStart> {
  const ours = NAMESPACES.map(async (name) => [name, await readlink(`/proc/self/ns/${name}`)]);
  const namespaces = Object.fromEntries(await Promise.all(ours)) as Record<string, string>;
  const facts = { namespaces, home: homedir(), tmpBytes: TMP_BYTES, ownUsers: Number(ownUsers) };
  return {
    source: `FACTS = ${JSON.stringify(facts)}\n${insideFile("selfTest")}`,
    check: { entryPoint: "open_doors", tests: 'doors = open_doors()\nassert doors == [], "; ".join(doors)' },
  };
}
