// Programs that try to get out, in every kind of sandbox that works here. Each must be contained and count as failed.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Sandbox, workingSandboxes } from "../../../../lib/evaluate/sandbox/openSandbox.js";
import { startProgram } from "../../../../lib/evaluate/sandbox/startProgram.js";
import { casesOf, long } from "../../../long.js";

const limits = { memoryBytes: 256 * 2 ** 20, processes: 16, fileBytes: 16 * 2 ** 20 };
const sandboxes: Sandbox[] = [];
const problems: string[] = [];
for await (const sandbox of workingSandboxes({ limits }, problems)) sandboxes.push(sandbox);

let server: Server;
let connections = 0;
let port = 0;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "retemper-canary-"));
  writeFileSync(join(folder, "secret"), "canary");
  server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as { port: number }).port;
});

afterAll(() => {
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Command lines of this machine's processes. */
function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    });
}

if (sandboxes.length === 0) it.skip(`HAS NO SANDBOX HERE TO TEST: ${problems.join("; ")}`, () => {});

/** Runs programs in one sandbox. */
function inside(sandbox: Sandbox) {
  const run = (source: string, timeoutMs = 30_000) => startProgram({ source }, timeoutMs, sandbox);
  const fails = async (source: string, reason: RegExp, timeoutMs?: number) => {
    expect(await run(source, timeoutMs)).toMatchObject({
      started: true,
      passed: false,
      reason: expect.stringMatching(reason),
    });
  };
  return { run, fails };
}

describe.each(casesOf(sandboxes, sandboxes.slice(0, 1)))("a program in the sandbox of $launcher.name", (sandbox) => {
  const { fails } = inside(sandbox);

  it("is killed when it never ends", async () => {
    await fails("while True: pass", /^timed out$/, 300);
    await fails("import time; time.sleep(1000)", /^timed out$/, 300);
    await fails(
      "import signal\nfor n in range(1, 65):\n  try: signal.signal(n, signal.SIG_IGN)\n  except Exception: pass\nwhile True: pass",
      /^timed out$/,
      300,
    );
  });

  it("starts no more processes than it may", async () => {
    await fails(
      "import os\nwhile True: os.fork()",
      /temporarily unavailable|more processes|more memory|timed out/,
      2000,
    );
    await fails(
      "import threading, time\nfor _ in range(100000): threading.Thread(target=time.sleep, args=(100,)).start()",
      /can't start new thread|more processes|MemoryError|timed out/,
      2000,
    );
  });

  it("gets no more memory than it may, alone or with others", async () => {
    await fails("x = []\nwhile True: x.append(bytearray(2 ** 24))", /MemoryError|more memory/);
    await fails(
      "import os, time\nfor _ in range(3): os.fork()\nx = bytearray(100 * 2 ** 20)\ntime.sleep(100)",
      /more memory|more processes|MemoryError/,
    );
  });

  it("writes nothing outside of its own folder", async () => {
    const path = join(folder, "written");
    await fails(`open(${JSON.stringify(path)}, "w").write("x")`, /FileNotFoundError/);
    for (const place of ["/x", "/usr/x", "/usr/bin/python3", "/etc/x", "/etc/passwd", "/dev/x", "/var/x", "/root/x"]) {
      await fails(`open("${place}", "w").write("x")`, /Error/);
    }
    await fails("import os; os.mkdir('/x')", /Read-only|Permission/);
    await fails("import shutil; shutil.rmtree('/usr')", /Error/);
    expect(existsSync(path)).toBe(false);
    expect(existsSync("/usr/bin/env")).toBe(true);
  });

  it("reads neither the home folder nor other files of its user", async () => {
    await fails(`open(${JSON.stringify(join(folder, "secret"))}).read()`, /FileNotFoundError/);
    for (const path of [homedir(), "/home", "/etc/shadow", "/etc/passwd", "/var", "/work"]) {
      await fails(`import os\nos.stat(${JSON.stringify(join(path, "."))})`, /FileNotFound|NotADirectory|Permission/);
    }
  });

  it("reaches no network", async () => {
    await fails(`import socket; socket.create_connection(("127.0.0.1", ${port}), timeout=2)`, /Error/);
    await fails('import socket; socket.create_connection(("192.0.2.1", 80), timeout=2)', /not supported/);
    await fails("import socket; socket.getaddrinfo('example.com', 80)", /error/);
    await fails("import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/docker.sock')", /Error/);
    expect(connections).toBe(0);
  });
});

// The best of either tool.
const best = [sandboxes.find((one) => !one.launcher.needsFolder), sandboxes.find((one) => one.launcher.needsFolder)];
const found = best.filter((one) => one !== undefined);

describe.each(casesOf(found, found.slice(0, 1)))("a program in the sandbox of $launcher.name also", (sandbox) => {
  const { run, fails } = inside(sandbox);

  it("passes when it runs to its last line", async () => {
    expect(await run("assert sorted([2, 1]) == [1, 2]")).toEqual({ started: true, passed: true, reason: "passed" });
  });

  it("fails when it raises, cannot be parsed, or ends early", async () => {
    await fails("assert 1 == 2, 'no'", /^AssertionError: no$/);
    await fails("def f(:", /^SyntaxError/);
    await fails("exit(0)", /^SystemExit/);
    await fails("import os; os._exit(0)", /^ended before its last line$/);
    await fails("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", /^killed by signal 11$/);
  });

  it("fills no disk", async () => {
    await fails("open('/tmp/x', 'wb').write(bytes(2 ** 25))", /File too large|signal 25/);
    await fails(
      "for n in range(100): open(f'/tmp/{n}', 'wb').write(bytes(2 ** 23))",
      /No space left|more memory|MemoryError/,
    );
    await fails("for n in range(100): open(f'/dev/shm/{n}', 'wb').write(bytes(2 ** 20))", /Error/);
  });

  it("leaves nothing behind in the folder that it may write to", async () => {
    const name = `retemper-canary-${sandbox.launcher.name.length}`;
    expect(await run(`open("/tmp/${name}", "w").write("x")`)).toMatchObject({ passed: true });
    expect(existsSync(`/tmp/${name}`)).toBe(false);
    await fails(`open("/tmp/${name}")`, /FileNotFoundError/);
  });

  it("sees nothing of the caller's environment", async () => {
    process.env.RETEMPER_CANARY = "secret-canary";
    try {
      await fails("import os; assert 'RETEMPER_CANARY' in os.environ", /AssertionError/);
      await fails("assert b'canary' in open('/proc/1/environ', 'rb').read()", /Error/);
    } finally {
      delete process.env.RETEMPER_CANARY;
    }
  });

  it("is not led out by symbolic links and odd paths", async () => {
    const secret = JSON.stringify(join(folder, "secret"));
    await fails(`import os\nos.symlink(${secret}, "/tmp/link")\nopen("/tmp/link").read()`, /FileNotFoundError/);
    await fails("import os\nos.symlink('/usr/bin/env', '/tmp/link')\nopen('/tmp/link', 'w')", /Read-only|Permission/);
    await fails(`open("/proc/1/root" + ${secret}).read()`, /Error/);
    await fails(`open("/proc/1/cwd/../../../.." + ${secret}).read()`, /Error/);
    await fails(
      `import os\nfor n in range(3, 64):\n  try: os.fchdir(n)\n  except OSError: pass\nopen("." + ${secret})`,
      /Error/,
    );
    await fails("import os; os.chroot('/tmp')", /not implemented/);
    await fails("import os; os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0)); open('/tmp/disk')", /PermissionError/);
  });

  it("kills nothing but itself", async () => {
    await fails(
      "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(1, signal.SIGKILL)\nexit()",
      /SystemExit|PermissionError/, // of the same user, its signals do not reach the first process; of another, it may not
    );
    await fails("import os, signal\nos.kill(-1, signal.SIGKILL)\nexit()", /SystemExit|PermissionError|ProcessLookup/);
    await fails(`import os; os.kill(${process.pid}, 0)`, /ProcessLookupError/);
  });

  it("changes no setting of the kernel", async () => {
    for (const path of ["sys/kernel/core_pattern", "sys/kernel/hostname", "sysrq-trigger", "sys/vm/drop_caches"]) {
      await fails(`open("/proc/${path}", "w").write("1")`, /Error/);
    }
    await fails("import os; os.write(os.open('/proc/1/oom_score_adj', os.O_WRONLY), b'-1000')", /PermissionError/);
    await fails("import socket; socket.sethostname('canary')", /not implemented/);
    await fails(
      "import subprocess; subprocess.run(['mount', '-t', 'tmpfs', 'none', '/tmp'], check=True)",
      /CalledProcessError|FileNotFoundError/,
    );
    await fails(
      "import subprocess; subprocess.run(['unshare', '--user', '--map-root-user', '--mount', 'mount', '-t', 'tmpfs', 'none', '/usr'], check=True)\n" +
        "open('/usr/x', 'w')",
      /Error/,
    );
  });

  it("takes everything that it started with it, also what has detached itself", async () => {
    const mark = `9${process.pid}.${sandbox.launcher.name.length}`;
    const source = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "${mark}"])
    os._exit(0)
time.sleep(.2)
`;
    expect(await run(source)).toMatchObject({ passed: true });
    await fails(`${source}\nwhile True: pass`, /timed out/, 800);
    expect(commandLines().filter((line) => line.includes(mark))).toEqual([]);
  });

  it("is stopped by an AbortSignal", async () => {
    const controller = new AbortController();
    const running = startProgram({ source: "while True: pass" }, 60_000, sandbox, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 300);
    await expect(running).rejects.toThrow("enough");
  });

  it("may say as much as it likes", async () => {
    const lines = long ? 1000 : 100;
    expect(
      await run(`import sys\nfor _ in range(${lines}): print('x' * 10 ** 6); sys.stderr.write('x' * 10 ** 6)`),
    ).toEqual({ started: true, passed: true, reason: "passed" });
    const { reason } = await run("raise ValueError('x' * 10 ** 7)");
    expect(reason.length).toBeLessThan(1000);
  });
});
