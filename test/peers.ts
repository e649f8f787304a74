// The Python environment with the established libraries (`npm run setup:peers`), for tests that compare with them where it
// is there.

import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder that RETEMPER_PEERS names, else the one in the user's cache. */
export const peersFolder = process.env.RETEMPER_PEERS ?? join(homedir(), ".cache", "retemper-peers");

/** RETEMPER_PYTHON, else the interpreter of that folder. */
const python = process.env.RETEMPER_PYTHON ?? join(peersFolder, "v", "bin", "python");

/** Why Python code that needs these modules cannot run here; undefined where it can. */
export function whyNoPython(...modules: readonly string[]): string | undefined {
  if (!process.env.RETEMPER_PYTHON && !existsSync(python)) return "no Python environment: npm run setup:peers";
  // Found, and not imported: importing torch takes seconds.
  const find = modules.map((name) => `assert importlib.util.find_spec("${name}"), "${name}"`);
  const found = spawnSync(python, ["-c", ["import importlib.util", ...find].join("\n")], { encoding: "utf8" });
  return found.status === 0 ? undefined : `Python without ${modules.join(", ")}`;
}

/** The folder of a package that is there (`whyNoPython`). */
export function packageFolder(name: string): string {
  const print = `print(importlib.util.find_spec("${name}").submodule_search_locations[0])`;
  return execFileSync(python, ["-c", ["import importlib.util", print].join("\n")], { encoding: "utf8" }).trim();
}

/** Runs a script to its end and gives what it printed; an error holds it when the script fails. */
export function runPython(script: string, args: readonly string[]): string {
  return execFileSync(python, [script, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HF_HUB_OFFLINE: "1", PYTHONWARNINGS: "ignore" },
  });
}

/** Starts a script beside the test, which goes on: for scripts that talk with a server of the test. */
export function startPython(script: string, env: Readonly<Record<string, string>>): ChildProcessWithoutNullStreams {
  return spawn(python, [script], { env: { ...process.env, PYTHONWARNINGS: "ignore", ...env } });
}
