// Memory that no process shows as its own, in every kind of sandbox that works here (by default the best): it cannot be had, or it is counted.

import { describe, expect, it } from "vitest";
import { type Sandbox, workingSandboxes } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { startProgram } from "../../../../lib/evaluate/sandbox/startProgram.js";
import { casesOf } from "../../../long.js";

const limits = { memoryBytes: 192 * 2 ** 20, processes: 16, fileBytes: 16 * 2 ** 20 };
const sandboxes: Sandbox[] = [];
const problems: string[] = [];
for await (const sandbox of workingSandboxes({ limits }, problems)) sandboxes.push(sandbox);

if (sandboxes.length === 0) it.skip(`HAS NO SANDBOX HERE TO TEST: ${problems.join("; ")}`, () => {});

describe.each(casesOf(sandboxes, sandboxes.slice(0, 1)))("a program in the sandbox of $launcher.name", (sandbox) => {
  const reasonOf = async (source: string) => {
    const { started, passed, reason } = await startProgram({ source }, 30_000, sandbox);
    expect({ started, passed }).toEqual({ started: true, passed: false });
    return reason;
  };

  it("has no files in memory, and no memory or queues of System V", async () => {
    expect(await reasonOf("import os; os.memfd_create('x')")).toMatch(/^OSError: \[Errno 38\]/);
    for (const call of ["shmget(0, 65536, 0o1600)", "msgget(0, 0o1600)", "semget(0, 9, 0o1600)"]) {
      const source = `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
raise SystemError(libc.${call}, ctypes.get_errno())`;
      expect(await reasonOf(source)).toBe("SystemError: (-1, 38)");
    }
  });

  it("shares no memory without a file, and none of a device", async () => {
    // What is shared stays in memory when it is mapped no more (MADV_DONTNEED): then no process shows it.
    expect(await reasonOf("import mmap; mmap.mmap(-1, 2 ** 24)")).toMatch(/^PermissionError/);
    expect(await reasonOf("open('/dev/zero', 'r+b')")).toMatch(/^FileNotFoundError/);
    expect(
      await reasonOf("import mmap; mmap.mmap(-1, 2 ** 21, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)"),
    ).toMatch(/^PermissionError/);
  });

  it("is counted with its files in /tmp, also those that have no name any more", async () => {
    const source = `
import os, time
kept = []
for n in range(6):
    kept.append(open("/tmp/x", "wb"))
    kept[-1].write(bytes(10 * 2 ** 20))
    kept[-1].flush()
    os.unlink("/tmp/x")
block = bytearray(110 * 2 ** 20)
time.sleep(100)
`;
    expect(await reasonOf(source)).toMatch(/^used more memory/);
  });

  it("is counted with the number of its files", async () => {
    const source = `
import os, time
for n in range(200000):
    os.symlink("x", "/tmp/%d" % n)
time.sleep(100)
`;
    expect(await reasonOf(source)).toMatch(/^used more memory|No space left/);
  });

  it("is counted with what it leaves in sockets and pipes", async () => {
    const source = `
import os, socket, time
for _ in range(14):
    if os.fork() == 0:
        pairs = [socket.socketpair() for _ in range(28)]
        for pair in pairs:
            for one in pair:
                one.setblocking(False)
                try:
                    while True: one.send(bytes(4096))
                except BlockingIOError: pass
        time.sleep(100)
time.sleep(100)
`;
    expect(await reasonOf(source)).toMatch(/^used more memory/);
    expect(await reasonOf("import fcntl, os; fcntl.fcntl(os.pipe()[0], 1031, 2 ** 20)")).toMatch(/^PermissionError/);
    expect(
      await reasonOf("import socket; socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 ** 24)"),
    ).toMatch(/^PermissionError/);
  });

  it("is counted also in a process whose first thread has ended", async () => {
    const source = `
import ctypes, os, threading, time
libc = ctypes.CDLL(None)
exit_thread = 60 if os.uname().machine == "x86_64" else 93
def fill():
    time.sleep(.1)
    block = bytearray(60 * 2 ** 20)
    time.sleep(100)
for _ in range(3):
    if os.fork() == 0:
        threading.Thread(target=fill).start()
        libc.syscall(exit_thread, 0)
time.sleep(100)
`;
    expect(await reasonOf(source)).toMatch(/^used more memory/);
  });
});
