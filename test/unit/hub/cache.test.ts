// The hub's cache with several writers: what is in it under a digest holds that digest, whoever writes, dies or waits.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { downloadFile } from "../../../lib/hub/download.js";
import { type HubSettings, hubSettings } from "../../../lib/hub/settings.js";
import { COMMIT, type MockHub, mockHub } from "./mockHub.js";

const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 251));
const sha256 = createHash("sha256").update(content).digest("hex");
const wanted = { dataset: "org/set", revision: "main", path: "train.bin" };

const folder = mkdtempSync(join(tmpdir(), "retemper-cache-"));
let count = 0;
let cache = "";
let hub: MockHub;
const children: ChildProcess[] = [];

beforeEach(async () => {
  cache = join(folder, `${count++}`);
  hub = await mockHub();
  hub.files.set("org/set/train.bin", { content, lfs: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const blobs = () => join(cache, "datasets--org--set/blobs");
const blob = () => join(blobs(), sha256);
const lock = () => join(cache, ".locks/datasets--org--set", `${sha256}.lock`);
const digestOf = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
const gets = () => hub.seen.filter(({ host, method }) => host === "storage" && method === "GET");

/** Settings whose notes can be waited for. */
async function settings(more: Partial<HubSettings> = {}) {
  const notes: string[] = [];
  const waiting = new Map<RegExp, () => void>();
  const note = (text: string) => {
    notes.push(text);
    for (const [pattern, done] of waiting) if (pattern.test(text)) done();
  };
  const all = await hubSettings({
    env: { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache },
    retryDelayMs: 1,
    onNote: note,
  });
  const said = (pattern: RegExp) => new Promise<void>((done) => waiting.set(pattern, done));
  return { ...all, ...more, notes, said };
}

/** Sends the first half of the file and keeps the rest of the n-th connection until it is let go. */
function stallConnection(number: number) {
  let connections = 0;
  let goOn = () => {};
  let begun = () => {};
  const stalled = new Promise<void>((done) => {
    begun = done;
  });
  const half = content.length / 2;
  hub.fault = (request, response: ServerResponse, host) => {
    if (host !== "storage" || request.method !== "GET" || ++connections !== number) return false;
    response.writeHead(200, { "content-length": String(content.length) });
    response.write(content.subarray(0, half), begun);
    goOn = () => response.end(content.subarray(half));
    return true;
  };
  return { stalled, goOn: () => goOn() };
}

describe("two runs that want the same file", () => {
  it("download it once: the second waits, says so, and takes what the first brought", async () => {
    const { stalled, goOn } = stallConnection(1);
    const one = downloadFile(wanted, await settings());
    await stalled;
    const second = await settings();
    const waits = second.said(/another run downloads train\.bin of the data set org\/set.*: waiting/);
    const two = downloadFile(wanted, second);
    await waits;
    goOn();
    const files = await Promise.all([one, two]);
    expect(files.map(({ file }) => digestOf(file))).toEqual([sha256, sha256]);
    expect(gets()).toHaveLength(1);
    expect(readdirSync(blobs())).toEqual([sha256]);
  });

  it("end alone when one is told to stop while it waits", async () => {
    const { stalled, goOn } = stallConnection(1);
    const one = downloadFile(wanted, await settings());
    await stalled;
    const stop = new AbortController();
    const second = await settings({ signal: stop.signal });
    const waits = second.said(/waiting/);
    const two = downloadFile(wanted, second);
    await waits;
    stop.abort(new Error("Ctrl-C"));
    await expect(two).rejects.toThrow("Ctrl-C");
    goOn();
    expect(digestOf((await one).file)).toBe(sha256);
  });

  it("never write into what the other has finished, where there are no locks at all", async () => {
    vi.stubEnv("RETEMPER_ADDON", join(folder, "none.node")); // no addon, no locks
    const { downloadFile: downloadWithoutLocks } = await import("../../../lib/hub/download.js");
    const { kernelLock } = await import("../../../lib/output/tryLock.js");
    expect(kernelLock(join(folder, "lock"))).toBeUndefined();
    const { stalled, goOn } = stallConnection(1);
    const one = downloadWithoutLocks(wanted, await settings());
    await stalled;
    const { file } = await downloadWithoutLocks(wanted, await settings());
    expect(digestOf(file)).toBe(sha256);
    goOn();
    await one;
    expect(digestOf(file)).toBe(sha256);
    expect(readdirSync(blobs())).toEqual([sha256]);
  });
});

describe("what an ended run left of a file", () => {
  const put = (name: string, bytes: Buffer) => {
    mkdirSync(blobs(), { recursive: true });
    writeFileSync(join(blobs(), name), bytes);
  };

  it.each([`${sha256}.incomplete`, `${sha256}.1a2b3c4d.incomplete`])("as %s is gone on with", async (name) => {
    put(name, content.subarray(0, 123_456));
    put(`${sha256}.00000000.incomplete`, content.subarray(0, 5));
    expect(digestOf((await downloadFile(wanted, await settings())).file)).toBe(sha256);
    expect(gets().map(({ range }) => range)).toEqual(["bytes=123456-"]);
    expect(readdirSync(blobs())).toEqual([sha256]);
  });

  it("is thrown away where it is something else, or longer than the file", async () => {
    put(`${sha256}.incomplete`, Buffer.alloc(1000));
    put(`${sha256}.1a2b3c4d.incomplete`, Buffer.alloc(content.length + 1));
    expect(digestOf((await downloadFile(wanted, await settings())).file)).toBe(sha256);
    expect(readdirSync(blobs())).toEqual([sha256]);
  });

  it("stays for the next one after an interruption", async () => {
    const { stalled } = stallConnection(1);
    const stop = new AbortController();
    const one = downloadFile(wanted, await settings({ signal: stop.signal }));
    await stalled;
    const half = content.length / 2;
    await vi.waitUntil(() => readdirSync(blobs()).some((name) => readFileSync(join(blobs(), name)).length === half));
    stop.abort(new Error("Ctrl-C"));
    await expect(one).rejects.toThrow("Ctrl-C");
    expect(readdirSync(blobs())).toEqual([`${sha256}.incomplete`]);
    await downloadFile(wanted, await settings());
    expect(gets().map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`]);
    expect(readdirSync(blobs())).toEqual([sha256]);
  });
});

describe("a file of the cache that does not hold its digest", () => {
  const damages: [string, () => void][] = [
    ["other bytes", () => writeFileSync(blob(), Buffer.alloc(content.length))],
    ["an end that is cut off", () => truncateSync(blob(), 100)],
  ];
  it.each(damages)("but %s is downloaded again, with a note", async (_, damage) => {
    await downloadFile(wanted, await settings());
    damage();
    for (const revision of ["main", COMMIT]) {
      damage();
      const again = await settings();
      expect(digestOf((await downloadFile({ ...wanted, revision }, again)).file)).toBe(sha256);
      expect(again.notes).toEqual([expect.stringMatching(/the cache's copy of train\.bin.* is damaged/)]);
    }
  });

  it("is refused by name where the hub is off limits", async () => {
    await downloadFile(wanted, await settings());
    truncateSync(blob(), 100);
    const offline = downloadFile(wanted, await settings({ offline: true }));
    await expect(offline).rejects.toMatchObject({ code: "BAD_INPUT", file: blob() });
  });

  it("is known also of small files, which git's sha1 names", async () => {
    const text = Buffer.from("text");
    hub.files.set("org/set/README.md", { content: text });
    const readme = { ...wanted, path: "README.md" };
    const { file } = await downloadFile(readme, await settings());
    writeFileSync(file, "else");
    expect(readFileSync((await downloadFile(readme, await settings())).file)).toEqual(text);
  });
});

const python = spawnSync("python3", ["-c", "import fcntl"]).status === 0;
const filelock = python && spawnSync("python3", ["-c", "import filelock"]).status === 0;

describe.each([
  [
    "flock of Python's standard library",
    python,
    "import fcntl\nf = open(path, 'w')\nfcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)",
  ],
  [
    "Python's filelock, as huggingface_hub takes it",
    filelock,
    "import filelock\nlock = filelock.FileLock(path, timeout=0)\nlock.acquire()",
  ],
])("a lock by %s", (_, there, take) => {
  const script = `import sys\npath = sys.argv[1]\ntry:\n  ${take.replaceAll("\n", "\n  ")}\n  print("held", flush=True)\n  sys.stdin.read()\nexcept (BlockingIOError, TimeoutError):\n  print("refused", flush=True)\n`;

  async function holder() {
    mkdirSync(dirname(lock()), { recursive: true });
    const child = spawn("python3", ["-c", script, lock()], { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    const said = await new Promise<string>((done) => child.stdout.once("data", (text) => done(String(text).trim())));
    return { said, end: () => child.stdin.end() };
  }

  it.skipIf(!there)("keeps a download waiting until it is given back", async () => {
    const { said, end } = await holder();
    expect(said).toBe("held");
    const own = await settings();
    const waits = own.said(/waiting/);
    const one = downloadFile(wanted, own);
    await waits;
    expect(gets()).toEqual([]);
    end();
    expect(digestOf((await one).file)).toBe(sha256);
  });

  it.skipIf(!there)("is refused while a download goes on", async () => {
    const { stalled, goOn } = stallConnection(1);
    const one = downloadFile(wanted, await settings());
    await stalled;
    expect((await holder()).said).toBe("refused");
    goOn();
    await one;
    const after = await holder();
    expect(after.said).toBe("held");
    after.end();
  });
});
