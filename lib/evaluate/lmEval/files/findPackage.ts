// Where lm-evaluation-harness is installed. Nothing of it is in this package, and nothing of it is run.

import { execFile } from "node:child_process";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { RetemperError } from "../../../errors.js";
import { isFolder } from "../../data/isFolder.js";

/** Only looks where the module is: importing it would run it. */
const QUESTION =
  "import importlib.util as u; s = u.find_spec('lm_eval'); print(s.submodule_search_locations[0] if s else '')";

/**
 * The folder of its tasks.
 * @param wanted the package's folder, its tasks' folder, or the folder that holds the package; by default python3 on the PATH is
 *   asked (or `python`) where its module lm_eval is
 * @throws RetemperError BAD_INPUT where it is not there
 */
export async function findPackage(wanted: string | undefined, python = "python3"): Promise<string> {
  const folder = wanted === undefined ? await askPython(python) : resolve(wanted);
  const candidates = folder === "" ? [] : [join(folder, "tasks"), join(folder, "lm_eval", "tasks"), folder];
  for (const candidate of candidates) {
    if (basename(candidate) === "tasks" && (await isFolder(candidate))) return candidate;
  }
  throw new RetemperError(
    "BAD_INPUT",
    wanted === undefined ? "lm-evaluation-harness is not installed" : "lm-evaluation-harness is not here",
    {
      file: wanted === undefined ? undefined : folder,
      hint: "pip install lm-eval==0.4.13, or --data lm-eval=FOLDER with a folder lm_eval in it; a task of your own is lm-eval:path/to/task.yaml",
    },
  );
}

async function askPython(python: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(python, ["-c", QUESTION], { timeout: 20_000, cwd: "/" });
    return stdout.trim();
  } catch {
    return ""; // no such Python
  }
}
