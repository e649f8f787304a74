// Where the loader looks for the addon, in which order, and what it says when there is none.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findAddon, loadAddon } from "../../lib/addon/load.js";
import { RetemperError } from "../../lib/errors.js";

const built = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "build/Release/retemper.node");
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "retemper-load-"));
  writeManifest(loadAddon().describe().version);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function writeManifest(version: string): void {
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "retemper", version }));
}

function putLocalBuild(): void {
  mkdirSync(join(root, "build/Release"), { recursive: true });
  cpSync(built, join(root, "build/Release/retemper.node"));
}

function putPlatformPackage(platform: string): void {
  const folder = join(root, "node_modules/@retemper", platform);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ exports: { "./retemper.node": "./retemper.node" } }));
  cpSync(built, join(folder, "retemper.node"));
}

function failure(run: () => unknown): RetemperError {
  try {
    run();
  } catch (error) {
    if (error instanceof RetemperError) return error;
    throw error;
  }
  throw new Error("did not fail");
}

describe("findAddon", () => {
  it("takes the local build of a checkout", () => {
    putLocalBuild();
    expect(findAddon({ root, platform: "linux-x64" }).describe().version).toBe(loadAddon().describe().version);
  });

  it("takes the platform package where there is no local build", () => {
    putPlatformPackage("linux-x64");
    expect(findAddon({ root, platform: "linux-x64" }).describe().ops.length).toBeGreaterThan(0);
  });

  it("goes on to the platform package when the local build cannot be loaded", () => {
    mkdirSync(join(root, "build/Release"), { recursive: true });
    writeFileSync(join(root, "build/Release/retemper.node"), "no library");
    putPlatformPackage("linux-x64");
    expect(findAddon({ root, platform: "linux-x64" }).describe().version).toBe(loadAddon().describe().version);
  });

  it("takes an explicit path alone, and says so when it does not work", () => {
    putLocalBuild();
    expect(findAddon({ root, platform: "linux-x64", explicit: built }).describe().version).toBeTruthy();
    const error = failure(() => findAddon({ root, platform: "linux-x64", explicit: join(root, "absent.node") }));
    expect(error.message).toContain("RETEMPER_ADDON");
    expect(error.message).not.toContain("local build");
  });

  it("lists in one error every place tried, the reason, and what to do", () => {
    mkdirSync(join(root, "build/Release"), { recursive: true });
    writeFileSync(join(root, "build/Release/retemper.node"), "no library");
    const error = failure(() => findAddon({ root, platform: "linux-x64" }));
    expect(error.code).toBe("INTERNAL");
    expect(error.message).toMatch(/local build .*retemper\.node\): .*(invalid ELF|file too short)/);
    expect(error.message).toMatch(/platform package \(@retemper\/linux-x64\/retemper\.node\): not found/);
    expect(error.hint).toContain("npm run build");
    expect(error.hint).toContain("--include=optional");
  });

  it("names the supported platforms on others, and musl for what it is", () => {
    expect(failure(() => findAddon({ root, platform: "sunos-x64" })).hint).toContain("linux-x64");
    expect(failure(() => findAddon({ root, platform: "linux-x64-musl" })).hint).toContain("musl");
  });

  it("refuses an addon of another version", () => {
    putLocalBuild();
    writeManifest("99.0.0");
    const error = failure(() => findAddon({ root, platform: "linux-x64" }));
    expect(error.message).toContain("99.0.0");
    expect(error.hint).toContain("npm run build");
  });
});
