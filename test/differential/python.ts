// The Python environment with the established libraries, for tests that compare with them where it is there.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** RETEMPER_PYTHON, else the interpreter of the folder that PEER_DIR names. */
const python =
  process.env.RETEMPER_PYTHON ??
  join(process.env.PEER_DIR ?? join(homedir(), ".cache", "retemper-peers"), "v", "bin", "python");

/** Why Python code that needs these modules cannot run here; undefined where it can. */
export function whyNoPython(...modules: readonly string[]): string | undefined {
  if (!process.env.RETEMPER_PYTHON && !existsSync(python)) return "no Python environment (RETEMPER_PYTHON)";
  const found = spawnSync(python, ["-c", modules.map((name) => `import ${name}`).join("\n")], { encoding: "utf8" });
  return found.status === 0 ? undefined : `Python without ${modules.join(", ")}`;
}

/** Runs a script to its end; what it printed is in the error when it fails. */
export function runPython(script: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(python, [script, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${script} failed: ${error?.message ?? ""}\n${stdout}\n${stderr}`);
}
