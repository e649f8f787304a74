// readBytes, exchange and lockFile: files as bytes, and their failures.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fromNative } from "../../lib/addon/job.js";
import { loadAddon } from "../../lib/addon/load.js";
import { RetemperError } from "../../lib/errors.js";

const addon = loadAddon();
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-addon-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function failure(action: () => unknown): { code?: string; message: string; file?: string; hint?: string } {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("did not throw");
}

describe("readBytes", () => {
  it("returns a copy of the asked bytes", () => {
    const path = join(folder, "a");
    writeFileSync(path, "0123456789");
    const bytes = addon.readBytes(path, 2, 5);
    expect(Buffer.from(bytes).toString()).toBe("234");
    writeFileSync(path, "xxxxxxxxxx");
    expect(Buffer.from(bytes).toString()).toBe("234");
    expect(addon.readBytes(path, 10, 10)).toHaveLength(0);
  });

  it.each([
    [0, 11],
    [11, 11],
    [5, 4],
  ])("refuses the range [%d, %d) of a file with 10 bytes", (begin, end) => {
    const path = join(folder, "a");
    writeFileSync(path, "0123456789");
    expect(failure(() => addon.readBytes(path, begin, end))).toMatchObject({ code: "BAD_INPUT", file: path });
  });

  it("names the file and the remedy when it does not exist", () => {
    const path = join(folder, "none");
    const error = failure(() => addon.readBytes(path, 0, 1));
    expect(error).toMatchObject({ code: "BAD_INPUT", file: path, hint: "check the path" });
    const wrapped = fromNative(error);
    expect(wrapped).toBeInstanceOf(RetemperError);
    expect(wrapped.message).toBe(`${path}: could not be opened: No such file or directory`);
  });

  it("refuses a FIFO at once, without waiting for a writer", () => {
    const path = join(folder, "fifo");
    expect(spawnSync("mkfifo", [path]).status).toBe(0);
    expect(failure(() => addon.readBytes(path, 0, 1))).toMatchObject({ code: "BAD_INPUT", file: path });
    expect(failure(() => addon.readHeader(path)).message).toMatch(/FIFO/);
  });

  it("refuses a folder, a device and a path with NUL", () => {
    expect(failure(() => addon.readBytes(folder, 0, 1)).message).toMatch(/folder/);
    expect(failure(() => addon.readBytes("/dev/zero", 0, 1)).message).toMatch(/device/);
    expect(failure(() => addon.readBytes("a\0b", 0, 1)).message).toMatch(/NUL/);
  });

  it("follows the links that hub caches are made of", () => {
    mkdirSync(join(folder, "blobs"));
    writeFileSync(join(folder, "blobs", "b"), "blob");
    symlinkSync("blobs/b", join(folder, "model"));
    expect(Buffer.from(addon.readBytes(join(folder, "model"), 0, 4)).toString()).toBe("blob");
  });
});

describe("exchange", () => {
  it("swaps two folders in one step", () => {
    for (const name of ["a", "b"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "who"), name);
    }
    addon.exchange(join(folder, "a"), join(folder, "b"));
    expect(readFileSync(join(folder, "a", "who"), "utf8")).toBe("b");
    expect(readFileSync(join(folder, "b", "who"), "utf8")).toBe("a");
  });

  it("throws IO and changes nothing when one of them is missing", () => {
    writeFileSync(join(folder, "a"), "a");
    expect(failure(() => addon.exchange(join(folder, "a"), join(folder, "none")))).toMatchObject({ code: "IO" });
    expect(readFileSync(join(folder, "a"), "utf8")).toBe("a");
  });
});

describe("lockFile", () => {
  it("gives the lock to one holder, and to the next after release", () => {
    const path = join(folder, "lock");
    const lock = addon.lockFile(path);
    expect(lock).not.toBeNull();
    expect(addon.lockFile(path)).toBeNull();
    lock?.release();
    expect(existsSync(path)).toBe(false);
    lock?.release();
    const next = addon.lockFile(path);
    expect(next).not.toBeNull();
    next?.release();
  });

  it("may leave its file, for programs that do not notice that one is gone", () => {
    const path = join(folder, "lock");
    addon.lockFile(path)?.releaseAndKeep();
    expect(existsSync(path)).toBe(true);
    const next = addon.lockFile(path);
    expect(next).toBeTruthy();
    next?.release();
  });

  it("is dropped by the kernel when its holder dies", () => {
    const path = join(folder, "lock");
    const fixture = new URL("fixtures/addon.mjs", import.meta.url).href;
    const script = `import { addon } from ${JSON.stringify(fixture)};
      addon.lockFile(${JSON.stringify(path)}) || process.exit(1);
      process.kill(process.pid, "SIGKILL");`;
    expect(spawnSync(process.execPath, ["--input-type=module", "-e", script]).signal).toBe("SIGKILL");
    expect(existsSync(path)).toBe(true);
    const lock = addon.lockFile(path);
    expect(lock).not.toBeNull();
    lock?.release();
  });

  it("names the folder that does not exist", () => {
    const path = join(folder, "none", "lock");
    expect(failure(() => addon.lockFile(path))).toMatchObject({ code: "BAD_INPUT", file: path });
  });
});
