// Machines without a usable GPU: what the addon says of them, and that it merges there all the same.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const { cuda } = loadAddon().describe();
/** Without kernels no driver is asked for anything. */
const builtWithout = /^none: (built )/.test(cuda);
let folder = "";
let drivers = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-device-"));
  drivers = join(folder, "drivers");
  mkdirSync(drivers);
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", join(drivers, "libcuda.so.1"), fixture("fakeDriver.c")]);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Round {
  readonly sha256?: readonly string[];
  readonly used?: unknown;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly left: boolean;
}

function mergeWith(driver: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fixture("mergeOnDevice.mjs"), folder], {
    env: { ...process.env, LD_LIBRARY_PATH: drivers, RETEMPER_FORCE_TARGET: "", ...driver },
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout) as { readonly cuda: string; readonly rounds: Readonly<Record<"cuda" | "auto", Round>> };
}

if (builtWithout)
  describe("an addon without kernels for CUDA", () => {
    it("says why, fails with DEVICE when asked for a GPU, and merges on the CPU otherwise", () => {
      const { cuda, rounds } = mergeWith({});
      expect(cuda).toMatch(/^none: built with/);
      expect(rounds.cuda).toMatchObject({
        code: "DEVICE",
        message: expect.stringContaining("built with"),
        left: false,
      });
      expect(rounds.auto).toMatchObject({ sha256: [expect.any(String)], left: true });
    });
  });

if (!builtWithout)
  describe("an addon with kernels for CUDA", () => {
    const machines = [
      [
        "an old driver",
        { FAKE_VERSION: "12000" },
        /the NVIDIA driver is too old: it knows CUDA 12\.0, CUDA \d+\.\d+ is needed/,
      ],
      ["a driver without a device", { FAKE_INIT: "100" }, /the NVIDIA driver finds no device/],
      ["a driver that does not start", { FAKE_INIT: "999" }, /the NVIDIA driver does not start: unknown error/],
    ] as const;
    it.each(machines)("says so on a machine with %s, and merges on the CPU", (_, driver, reason) => {
      const { cuda, rounds } = mergeWith(driver);
      expect(cuda).toMatch(new RegExp(`^none: ${reason.source}`));
      expect(rounds.cuda).toMatchObject({ code: "DEVICE", hint: expect.stringContaining("--device cpu"), left: false });
      expect(rounds.cuda.message).toMatch(reason);
      expect(rounds.auto).toMatchObject({ sha256: [expect.any(String)], left: true });
      expect(rounds.auto.used).toBeUndefined();
    });

    if (/no NVIDIA driver/.test(cuda))
      it("loads and merges on a machine without a driver", () => {
        const { cuda, rounds } = mergeWith({ LD_LIBRARY_PATH: "" });
        expect(cuda).toBe("none: no NVIDIA driver is installed");
        expect(rounds.cuda).toMatchObject({ code: "DEVICE", left: false });
        expect(rounds.auto).toMatchObject({ left: true });
      });
  });
