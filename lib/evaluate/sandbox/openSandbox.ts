// Finds a sandbox that works on this machine, and proves that it contains what it must before anything is run in it.

import { randomInt } from "node:crypto";
import { lstat, readlink, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { RetemperError } from "../../errors.js";
import { type Launcher, launchers, SYSTEM_FOLDERS } from "./launchers.js";
import { findPython, type Python } from "./python.js";
import { type ProgramLimits, startProgram } from "./startProgram.js";

export interface SandboxOptions {
  /** Python to run programs with; the system's unless told. */
  readonly python?: string | undefined;
  readonly limits: ProgramLimits;
  readonly signal?: AbortSignal | undefined;
}

export interface Sandbox {
  readonly launcher: Launcher;
  readonly python: Python;
  readonly limits: ProgramLimits;
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
  const python = await findPython(wanted);
  const root = (await stat("/proc/self")).uid === 0;
  const uid = randomInt(1_000_000_000, 2_000_000_000); // a user whom nobody else is
  const program = await selfTest();
  for (const launcher of launchers(root, uid, await systemLinks())) {
    const sandbox = { launcher, python, limits };
    const { passed, started, reason } = await startProgram(program, SELF_TEST_MS, sandbox, signal);
    if (passed) yield sandbox;
    else problems.push(`${launcher.name}: ${started ? `it does not contain programs (${reason})` : reason}`);
  }
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

/** A program that fails where anything is open that must be closed. */
async function selfTest(): Promise<string> {
  const ours = await Promise.all(NAMESPACES.map((name) => readlink(`/proc/self/ns/${name}`)));
  return `
import os, socket
def refused(what, attempt):
    try:
        attempt()
    except OSError:
        return
    raise AssertionError(what)

def write(path):
    with open(path, "w") as file:
        file.write("x")

for name, ours in zip(${JSON.stringify(NAMESPACES)}, ${JSON.stringify(ours)}):
    assert os.readlink("/proc/self/ns/" + name) != ours, "it shares the namespace " + name
refused("the network can be reached", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9)))
for folder in ("/", "/usr", "/usr/bin", "/dev", "/proc/sys/kernel", "/etc"):
    refused(folder + " can be written to", lambda: write(folder + "/retemper-self-test"))
refused("the kernel's settings can be changed", lambda: write("/proc/sys/kernel/hostname"))
home = ${JSON.stringify(homedir())}
if home.strip("/") and os.path.isdir(home) and home != "/tmp":
    inside = [name for name in os.listdir(home) if os.path.isfile(os.path.join(home, name))]
    assert not inside, "the home folder can be read"
others = [name for name in os.listdir("/proc") if name.isdigit() and name != "1" and int(name) != os.getpid()]
assert not others, "other processes can be seen"
write("/tmp/retemper-self-test")
`;
}
