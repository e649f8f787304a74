// The small decisions of a setup: which machines, which folders, which compiler, how the package is installed.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  bindingFile,
  cacheRoot,
  variantFolder,
  variantSetUp,
} from "../../../lib/nn/engines/tensorflow/libraryFolders.js";
import { findTfjsPackage } from "../../../lib/nn/engines/tensorflow/tfjsPackage.js";
import { findCompiler } from "../../../lib/setup/buildBinding.js";
import { npmInstall } from "../../../lib/setup/installTfjsPackage.js";
import { requireSupportedPlatform } from "../../../lib/setup/platform.js";
import { setupTensorflow } from "../../../lib/setup/setupTensorflow.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-setup-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the platform", () => {
  it("may be 64-bit x86 Linux with glibc", () => {
    expect(() => requireSupportedPlatform("linux-x64")).not.toThrow();
  });

  it.each(["linux-arm64", "darwin-arm64", "darwin-x64", "win32-x64"])(
    "%s is refused with what to use instead",
    (name) => {
      expect(() => requireSupportedPlatform(name)).toThrow(
        expect.objectContaining({
          code: "DEVICE",
          message: expect.stringContaining(name),
          hint: expect.stringContaining("--engine native"),
        }),
      );
    },
  );

  it("with musl is told that glibc is what is missing", () => {
    expect(() => requireSupportedPlatform("linux-x64-musl")).toThrow(
      expect.objectContaining({ code: "DEVICE", hint: expect.stringMatching(/glibc.*Alpine/) }),
    );
  });
});

describe("the cache", () => {
  it("is where RETEMPER_CACHE says, else where the system keeps caches", () => {
    expect(cacheRoot({ env: { RETEMPER_CACHE: "/data/cache", XDG_CACHE_HOME: "/x" } })).toBe("/data/cache");
    expect(cacheRoot({ env: { XDG_CACHE_HOME: "/x" } })).toBe("/x/retemper");
    expect(cacheRoot({ env: {} })).toBe(join(homedir(), ".cache/retemper"));
    expect(cacheRoot({ cache: "/given", env: { RETEMPER_CACHE: "/data/cache" } })).toBe("/given");
  });

  it("holds a variant only when its binding is there, and prefers the one with CUDA where there is a driver", () => {
    const root = join(folder, "cache");
    const add = (variant: "cpu" | "cuda") => {
      const file = bindingFile(variantFolder(root, variant), "4.22.0");
      mkdirSync(dirname(file), { recursive: true });
      expect(variantSetUp(root, "4.22.0", variant === "cuda")).not.toBe(variant);
      writeFileSync(file, "");
    };
    expect(variantSetUp(root, "4.22.0")).toBeUndefined();
    add("cuda");
    expect([true, false].map((driver) => variantSetUp(root, "4.22.0", driver))).toEqual(["cuda", "cuda"]);
    rmSync(variantFolder(root, "cuda"), { recursive: true });
    add("cpu");
    expect([true, false].map((driver) => variantSetUp(root, "4.22.0", driver))).toEqual(["cpu", "cpu"]);
    add("cuda");
    expect([true, false].map((driver) => variantSetUp(root, "4.22.0", driver))).toEqual(["cuda", "cpu"]);
    expect(variantSetUp(root, "4.23.0", true)).toBeUndefined();
  });
});

describe("the compiler", () => {
  it("is the one of CXX, and no other", async () => {
    expect(await findCompiler({ ...process.env, CXX: "c++" })).toBe("c++");
    await expect(findCompiler({ ...process.env, CXX: "no-such-compiler" })).rejects.toMatchObject({
      code: "DEVICE",
      message: expect.stringContaining("no-such-compiler"),
      hint: expect.stringContaining("apt install g++"),
    });
  });

  it("is missed before anything is downloaded", async () => {
    const cache = join(folder, "none");
    const sources = {
      async never() {
        throw new Error("asked for a wheel");
      },
    };
    const work = setupTensorflow({ cache, sources, env: { CXX: "no-such-compiler" } });
    await expect(work).rejects.toMatchObject({ code: "DEVICE" });
    expect(existsSync(variantFolder(cache, "cpu"))).toBe(false);
  });
});

describe("TensorFlow.js's package", () => {
  it("is found from here, and not from a folder without it", () => {
    expect(findTfjsPackage()?.version).toBe("4.22.0");
    expect(findTfjsPackage(join(folder, "package.json"))).toBeUndefined();
  });

  it("is installed without its scripts into the project that Retemper belongs to", () => {
    const project = join(folder, "project");
    const own = join(project, "node_modules/retemper");
    mkdirSync(own, { recursive: true });
    expect(npmInstall(own, "x@1")).toMatchObject({
      cwd: project,
      args: expect.arrayContaining(["install", "--global", "--ignore-scripts", "x@1"]),
    });
    writeFileSync(join(project, "package.json"), "{}");
    const { args, cwd } = npmInstall(own, "x@1");
    expect(cwd).toBe(project);
    expect(args).toEqual(expect.arrayContaining(["install", "--save-exact", "--ignore-scripts", "x@1"]));
    expect(args).not.toContain("--global");
  });

  it.each([
    ["yarn.lock", "yarn add x@1"],
    ["pnpm-lock.yaml", "pnpm add --ignore-scripts x@1"],
    ["bun.lock", "bun add x@1"],
  ])("is left to the other package manager where there is %s", (lock, command) => {
    const project = mkdtempSync(join(folder, "other-"));
    writeFileSync(join(project, lock), "");
    expect(() => npmInstall(join(project, "node_modules/retemper"), "x@1")).toThrow(
      expect.objectContaining({ code: "USAGE", hint: expect.stringContaining(command) }),
    );
  });
});
