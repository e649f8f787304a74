// Finds a Python that the sandbox can run: the interpreter itself and the folders that it needs.

import { execFile } from "node:child_process";
import { access, constants, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join, sep } from "node:path";
import { promisify } from "node:util";
import { RetemperError } from "../../errors.js";

export interface Python {
  /** The interpreter, without symbolic links. */
  readonly path: string;
  /** "3.11.2" */
  readonly version: string;
  /** Folders outside of /usr that hold its library; visible in the sandbox, read-only. */
  readonly folders: readonly string[];
}

const OLDEST = [3, 8] as const;

const QUESTION = `
import json, os, sys
executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
print(json.dumps({"path": executable, "version": list(sys.version_info[:3]), "folders": [
    os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix)]}))
`;

/**
 * A Python 3.8 or newer: `wanted`, else the system's own, which needs nothing outside of /usr, else python3 on the PATH.
 * @throws RetemperError SANDBOX where there is none
 */
export async function findPython(wanted: string | undefined, env = process.env): Promise<Python> {
  const onPath = (env.PATH ?? "").split(delimiter).filter(isAbsolute);
  const candidates = wanted
    ? [isAbsolute(wanted) || wanted.includes(sep) ? [wanted] : onPath.map((folder) => join(folder, wanted))].flat()
    : ["/usr/bin/python3", "/usr/local/bin/python3", ...onPath.map((folder) => join(folder, "python3"))];
  const problems: string[] = [];
  for (const candidate of new Set(candidates)) {
    const answer = await ask(candidate);
    if (typeof answer !== "string") return answer;
    if (answer !== "") problems.push(`${candidate}: ${answer}`);
  }
  const what = wanted ? `${wanted} cannot run programs` : "There is no Python 3 to run programs with";
  throw new RetemperError("SANDBOX", `${what}${problems.length > 0 ? ` (${problems.join("; ")})` : ""}.`, {
    hint: `install Python ${OLDEST.join(".")} or newer (Debian: apt install python3), or name one`,
  });
}

/** The Python, or what is wrong with it; "" where there is none. */
async function ask(candidate: string): Promise<Python | string> {
  try {
    await access(candidate, constants.X_OK);
  } catch {
    return "";
  }
  let facts: { path: string; version: [number, number, number]; folders: string[] };
  try {
    const { stdout } = await promisify(execFile)(candidate, ["-I", "-c", QUESTION], { timeout: 20_000 });
    facts = JSON.parse(stdout) as typeof facts;
  } catch (error) {
    return (error as Error).message.split("\n", 1)[0] as string;
  }
  const [major, minor] = facts.version;
  const version = facts.version.join(".");
  if (major !== OLDEST[0] || minor < OLDEST[1]) return `it is Python ${version}`;
  const folders = [...new Set(facts.folders)].filter((folder) => !inside(folder, "/usr"));
  const home = await realpath(homedir()).catch(() => homedir());
  const tooMuch = folders.find((folder) => inside(home, folder));
  if (tooMuch !== undefined) return `its folder ${tooMuch} holds the home folder`;
  if (!inside(facts.path, "/usr") && !folders.some((folder) => inside(facts.path, folder))) {
    return `${facts.path} is not in its own folder`;
  }
  return { path: facts.path, version, folders };
}

function inside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
