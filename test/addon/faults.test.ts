// The operating system says no: every call of a merge fails once, at its first, second, ... occurrence.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ReadingMode, WritingMode } from "../../lib/addon/nativePlan.js";
import { casesOf } from "../long.js";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const { EIO, ENOSPC, EDQUOT, EFBIG, EINTR, EAGAIN, ENOMEM, EINVAL, EACCES, EOPNOTSUPP, ENOSYS, EPERM } =
  constants.errno;
const SHORT = 0; // a short read or write instead of an error
let folder = "";
let library = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-faults-"));
  library = join(folder, "failCalls.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, fixture("failCalls.c"), "-ldl"]);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Round {
  readonly sha256?: string;
  readonly code?: string;
  readonly message?: string;
  readonly file?: string;
  readonly hint?: string;
  /** How many calls were made to fail: 1, or 0 once there is no such call any more. */
  readonly failed: number;
  /** An output file is left. */
  readonly left: boolean;
}

function merge(call: string, errno: number, reading: ReadingMode, writing: WritingMode = "cached"): Round[] {
  const own = mkdtempSync(join(folder, "merge-"));
  const child = spawnSync(process.execPath, [fixture("failingMerge.mjs"), call, `${errno}`, reading, writing, own], {
    // After a sanitizer's runtime, which insists on being the first.
    env: { ...process.env, LD_PRELOAD: [process.env.LD_PRELOAD ?? "", library].join(" ").trim() },
    encoding: "utf8",
  });
  expect(child.stderr).toBe("");
  expect(child.signal).toBeNull();
  expect(child.status).toBe(0);
  return child.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Round);
}

/** The digest of an undisturbed merge. */
let expected: string | undefined;
beforeAll(() => {
  const [round] = merge("none", EIO, "map");
  expected = round?.sha256;
  expect(expected).toMatch(/^[0-9a-f]{64}$/);
});

const FAILING = [
  ["pread", EIO, "IO", "a.bin", /reading failed at byte \d+/],
  ["pwrite", EDQUOT, "NO_SPACE", "out.bin", /./],
  ["pwrite", ENOSPC, "NO_SPACE", "out.bin", /./],
  ["pwrite", EFBIG, "NO_SPACE", "out.bin", /./],
  ["fallocate", ENOSPC, "NO_SPACE", "out.bin", /needs 400016 bytes, \d+ are free/],
  ["pwrite", EIO, "IO", "out.bin", /writing failed at byte \d+/],
  ["fsync", EIO, "IO", "out.bin", /flushed/],
  ["fsync", ENOSPC, "NO_SPACE", "out.bin", /flushed/],
] as const;

const GOING_ON = [
  ["pread", SHORT],
  ["pread", EINTR],
  ["pwrite", SHORT],
  ["pwrite", EINTR],
  ["fallocate", EINTR],
  ["fsync", EINTR],
] as const;

const UNAVAILABLE = [
  ["mmap", ENOMEM],
  ["mmap", EACCES],
  ["populate", EINVAL],
  ["populate", EINTR],
  ["fallocate", EOPNOTSUPP],
] as const;

const FAILING_DIRECT = [
  ["pwrite", ENOSPC, "NO_SPACE"],
  ["pwrite", EIO, "IO"],
  ["fsync", EIO, "IO"],
] as const;

const GOING_ON_DIRECT = [
  ["pread", SHORT],
  ["pread", EINTR],
  ["pwrite", SHORT],
  ["pwrite", EINTR],
] as const;

const NOT_POSSIBLE = [
  ["open", EINVAL, "direct"],
  ["pread", EINVAL, "direct"],
  ["pread", EIO, "direct"],
  ["pwrite", EINVAL, "map"],
  ["preadv2", EOPNOTSUPP, "uncached"],
  ["preadv2", ENOSYS, "uncached"],
  ["cachestat", ENOSYS, "auto"],
  ["cachestat", EPERM, "auto"],
] as const;

/** By default every second of a list. */
const everyOther = <T>(all: readonly T[]) =>
  casesOf(
    all,
    all.filter((_, at) => at % 2 === 0),
  );

describe.skipIf(process.platform !== "linux")("a merge whose calls fail", () => {
  it.each(everyOther(FAILING))(
    "%s with errno %d: fails with %s naming %s, and removes its output",
    (call, errno, code, file, message) => {
      const rounds = merge(call, errno, "pread");
      const failed = rounds.slice(0, -1);
      expect(failed.length).toBeGreaterThan(0);
      for (const round of failed) {
        expect(round).toMatchObject({ code, message: expect.stringMatching(message), left: false });
        if (call !== "pread") expect(round.file).toContain(file);
        else expect(round.file).toMatch(/[ab]\.bin$/);
      }
      expect(failed.some((round) => round.file?.endsWith(file))).toBe(true);
      expect(rounds.at(-1)).toEqual({ sha256: expected, failed: 0, left: true });
    },
  );

  it.each(everyOther(GOING_ON))("%s short or interrupted (%d): goes on, with the same bytes", (call, errno) => {
    const rounds = merge(call, errno, "pread");
    expect(rounds).toHaveLength(12);
    for (const round of rounds) expect(round).toMatchObject({ sha256: expected, left: true });
    expect(rounds[0]?.failed).toBe(1);
  });

  it.each(everyOther(UNAVAILABLE))("%s unavailable (%d): falls back, with the same bytes", (call, errno) => {
    const rounds = merge(call, errno, "map");
    for (const round of rounds) expect(round).toMatchObject({ sha256: expected, left: true });
    expect(rounds[0]?.failed).toBe(1);
  });

  it.each(everyOther(FAILING_DIRECT))("%s past the page cache with errno %d: fails with %s", (call, errno, code) => {
    const rounds = merge(call, errno, "map", "direct");
    expect(rounds.length).toBeGreaterThan(1);
    for (const round of rounds.slice(0, -1)) {
      expect(round).toMatchObject({ code, file: expect.stringContaining("out.bin"), left: false });
    }
    expect(rounds.at(-1)).toEqual({ sha256: expected, failed: 0, left: true });
  });

  it.each(everyOther(GOING_ON_DIRECT))(
    "%s past the page cache short or interrupted (%d): goes on, with the same bytes",
    (call, errno) => {
      const rounds = merge(call, errno, "direct", "direct");
      expect(rounds).toHaveLength(12);
      for (const round of rounds) expect(round).toMatchObject({ sha256: expected, left: true });
      expect(rounds[0]?.failed).toBe(1);
    },
  );

  it.each(everyOther(NOT_POSSIBLE))(
    "%s not possible (%d), read %s: goes the ordinary way, with the same bytes",
    (call, errno, reading) => {
      const rounds = merge(call, errno, reading, "direct");
      // The header of an output is never written directly: that call has no other way, and its round fails.
      for (const round of rounds.slice(0, -1)) expect(round).toMatchObject({ code: "IO", failed: 1, left: false });
      expect(rounds.at(-1)).toEqual({ sha256: expected, failed: 1, left: true });
    },
  );

  it("reports a mapped page that cannot be read, with its file and offset", () => {
    const rounds = merge("populate", EIO, "map");
    expect(rounds.length).toBeGreaterThan(1);
    for (const round of rounds.slice(0, -1)) {
      expect(round).toMatchObject({ code: "IO", message: expect.stringMatching(/byte \d+/), left: false });
    }
    expect(rounds.at(-1)).toEqual({ sha256: expected, failed: 0, left: true });
  });

  it("ends with OUT_OF_MEMORY, or with fewer threads, when a thread cannot be started", () => {
    const rounds = merge("pthread_create", EAGAIN, "map");
    expect(rounds[0]).toMatchObject({ code: "OUT_OF_MEMORY", hint: expect.stringContaining("ulimit -u"), left: false });
    for (const round of rounds.slice(1)) {
      if (round.sha256 === undefined) expect(round).toMatchObject({ code: "OUT_OF_MEMORY", left: false });
      else expect(round).toMatchObject({ sha256: expected, left: true });
    }
  });
});
