// What a program could do to the processes, files and kernel around it, in every kind of sandbox that works here. Each way
// must be closed, with the kernel's own answer.

import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type Sandbox, workingSandboxes } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { startProgram } from "../../../../lib/evaluate/sandbox/startProgram.js";
import { casesOf } from "../../../long.js";

const limits = { memoryBytes: 256 * 2 ** 20, processes: 16, fileBytes: 16 * 2 ** 20 };
const sandboxes: Sandbox[] = [];
const problems: string[] = [];
for await (const sandbox of workingSandboxes({ limits }, problems)) sandboxes.push(sandbox);
const folder = mkdtempSync(join(tmpdir(), "retemper-escapes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

if (sandboxes.length === 0) it.skip(`HAS NO SANDBOX HERE TO TEST: ${problems.join("; ")}`, () => {});

const PRELUDE = `
import ctypes, errno, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
intel = platform.machine() == "x86_64"
def call(numbers, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(numbers[0 if intel else 1]), *(ctypes.c_long(one) for one in arguments))
    return errno.errorcode[ctypes.get_errno()] if result == -1 else "worked"
`;

describe.each(casesOf(sandboxes, sandboxes.slice(0, 1)))("a program in the sandbox of $launcher.name", (sandbox) => {
  /** What the program's last expression is, as Python writes it. */
  const gives = async (statements: string, expression: string, strayDescriptor?: number) => {
    const source = `${PRELUDE}\n${statements}\nraise SystemError(repr((${expression})))`;
    const { started, reason } = await startProgram({ source }, 30_000, sandbox, { strayDescriptor });
    expect(started).toBe(true);
    return reason.replace(/^SystemError: /, "");
  };

  it("traces no process, neither its supervisor nor its own children", async () => {
    const attempt = "[call((101, 117), request, pid, 0, 0) for pid in (1, child) for request in (16, 0x4206)]";
    const child = "child = os.fork()\nif child == 0:\n  while True: pass";
    expect(await gives(child, attempt)).toBe("['ENOSYS', 'ENOSYS', 'ENOSYS', 'ENOSYS']");
    expect(await gives("", "call((310, 270), 1, 0, 0, 0, 0, 0), call((311, 271), 1, 0, 0, 0, 0, 0)")).toBe(
      "('ENOSYS', 'ENOSYS')",
    );
  });

  it("reads nothing of its supervisor, and nothing of its checker", async () => {
    const source = `
import os
def attempts():
    worked = []
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != str(os.getpid())]
    for pid in pids:
        for name in ("mem", "environ", "maps", "syscall", "stack", "auxv", "exe", "cwd", "root", "fd/0", "fd/3", "fd/4", "fd/5", "fd/6"):
            for flags in (os.O_RDONLY, os.O_RDWR):
                try:
                    fd = os.open("/proc/" + pid + "/" + name, flags)
                    os.pread(fd, 1, 0)
                    worked.append(pid + "/" + name)
                except OSError:
                    pass
    return len(pids), worked
`;
    const check = { entryPoint: "attempts", tests: "found = attempts()\nassert found == (2, []), found" };
    expect(await startProgram({ source, check }, 30_000, sandbox)).toMatchObject({ passed: true, reason: "passed" });
  });

  it("sets no limit and no priority of another process", async () => {
    const attempts =
      "call((302, 261), 1, 0, 0, 0), call((141, 140), 0, 1, 19), call((203, 122), 1, 8, 0), call((144, 119), 1, 0, 0)";
    expect(await gives("", attempts)).toBe("('EPERM', 'ENOSYS', 'ENOSYS', 'ENOSYS')");
  });

  it("has no descriptor but its own, whatever its caller had open", async () => {
    const stray = openSync(folder, "r");
    const statements = `
targets, entered = [], []
for name in os.listdir("/proc/self/fd"):
    try: targets.append(os.readlink("/proc/self/fd/" + name))
    except OSError: continue
    try:
        os.fchdir(int(name))
        entered.append(os.getcwd())
    except OSError: pass
strange = [one for one in targets if one != "/dev/null" and not one.startswith("pipe:") and "/proc/" not in one]
`;
    try {
      expect(await gives(statements, "(strange, [one for one in entered if '/proc' not in one])", stray)).toBe(
        "([], [])",
      );
    } finally {
      closeSync(stray);
    }
  });

  it("makes no namespace, in none of the three ways, and enters none", async () => {
    const flags = "[0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]";
    const attempts = `{call((56, 220), flag | 17, 0, 0, 0, 0) for flag in ${flags}}, {call((272, 97), flag) for flag in ${flags}}`;
    expect(await gives("", attempts)).toBe("({'EPERM'}, {'ENOSYS'})");
    expect(await gives("", "call((435, 435), 0, 0), call((308, 268), 0, 0)")).toBe("('ENOSYS', 'ENOSYS')");
  });

  it("writes to nothing but /tmp and four devices, also where something is mounted below /usr", async () => {
    const mounts =
      "sorted(place for _, _, _, _, place, options, *_ in (line.split() for line in open('/proc/self/mountinfo')) if 'rw' in options.split(','))";
    expect(await gives("", mounts)).toMatch(
      /^\['\/dev\/full', '\/dev\/null', '\/dev\/random', '\/dev\/urandom', '\/proc', '\/tmp'\]$/,
    );
  });

  it("mounts nothing, in the old way and in the new", async () => {
    const attempts =
      "call((165, 40)), call((166, 39)), call((428, 428)), call((429, 429)), call((430, 430)), call((432, 432))";
    expect(await gives("", `{${attempts}}`)).toBe("{'ENOSYS'}");
  });

  it("has no keys, no bpf, no io_uring, no faults of its own, no performance counters, no modules, no other kernel", async () => {
    const numbers = [
      ...[
        "(250, 219)",
        "(248, 217)",
        "(249, 218)",
        "(321, 280)",
        "(425, 425)",
        "(426, 426)",
        "(427, 427)",
        "(323, 282)",
      ],
      ...[
        "(298, 241)",
        "(175, 105)",
        "(313, 273)",
        "(246, 104)",
        "(438, 438)",
        "(434, 434)",
        "(304, 265)",
        "(135, 92)",
      ],
    ];
    expect(await gives("", `{call(one, 0, 0, 0, 0, 0, 0) for one in [${numbers}]}`)).toBe("{'ENOSYS'}");
  });

  it("has no sockets but those within its machine: no network, no hypervisor, no kernel's", async () => {
    const statements = `
def attempt(family):
    try: socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM)
    except OSError as error: return errno.errorcode[error.errno]
    return "worked"
`;
    expect(await gives(statements, "[attempt(family) for family in (1, 2, 10, 16, 17, 38, 40, 44)]")).toBe(
      `['worked'${", 'EAFNOSUPPORT'".repeat(7)}]`,
    );
  });

  it.skipIf(process.arch !== "x64")("has no other numbers for the same calls", async () => {
    // mov eax, 20 (getpid for 32 bits); int 0x80; ret
    const old = `
import mmap
code = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 7)
code.write(b"\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3")
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
`;
    // SIGSYS from the filter; SIGSEGV where the kernel does not know the old way at all
    expect(await gives(old, "'worked'")).toMatch(/^killed by signal (31|11)$/);
    expect(await gives("", "call((0x40000000 | 39,)), call((0x40000000 | 521,), 0, 1, 0, 0)")).toBe(
      "('ENOSYS', 'ENOSYS')",
    );
  });

  it("leaves no core, neither in a file nor to the machine's handler of cores", async () => {
    expect(await gives("import resource", "resource.getrlimit(resource.RLIMIT_CORE)")).toBe("(1, 1)");
    expect(await gives("", "libc.prctl(3, 0, 0, 0, 0)")).toBe("0");
  });

  it("still starts threads and other programs, and waits for them", async () => {
    const statements = `
import subprocess, threading
done = []
thread = threading.Thread(target=lambda: done.append(1)); thread.start(); thread.join()
done.append(subprocess.run(["/bin/sh", "-c", "echo out | cat"], capture_output=True).stdout)
done.append(os.system("exit 3"))
`;
    expect(await gives(statements, "done")).toBe("[1, b'out\\n', 768]");
  });
});
