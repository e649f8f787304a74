// Reads a results.json again.

import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { ioError, isSystemError } from "../../files/ioError.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { RESULTS_FILE } from "./fileJournal.js";
import { RESULTS_FORMAT, type Results } from "./results.js";

/** What a system call says where there is no such file; anything else is a disk or a right that is at fault. */
const ABSENT: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"]);

/**
 * Reads the results of an evaluation.
 * @param path of results.json, or of the folder that holds it
 * @throws RetemperError BAD_INPUT where it is something else; IO where it cannot be read
 * @example
 * ```ts
 * import { readResults } from "retemper";
 *
 * const { engine, tasks } = await readResults("evaluations/aligned");
 * for (const { name, primary, metrics } of tasks) console.log(engine.model, name, metrics[primary]?.value);
 * ```
 */
export async function readResults(path: string): Promise<Results> {
  const read = (file: string, pipes: boolean) => readTextAtMost(file, { most: 2 ** 28, what: "results", pipes });
  let file = path;
  let text: string;
  try {
    text = await read(file, true).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EISDIR") throw error;
      file = join(path, RESULTS_FILE);
      return read(file, false);
    });
  } catch (error) {
    if (isSystemError(error) && !ABSENT.has(error.code ?? "")) throw ioError(error, file, "cannot read the results");
    throw new RetemperError("BAD_INPUT", "there are no results", {
      file,
      hint: "give the --out of an evaluation that has ended, or its results.json",
      cause: error,
    });
  }
  let value: Partial<Results> | null;
  try {
    value = JSON.parse(text) as Partial<Results> | null;
  } catch (error) {
    throw new RetemperError("BAD_INPUT", (error as Error).message, { file, cause: error });
  }
  if (value?.format !== RESULTS_FORMAT || !Array.isArray(value.tasks)) {
    throw new RetemperError("BAD_INPUT", `this is not ${RESULTS_FORMAT}`, {
      file,
      hint: "give the results.json of an evaluation",
    });
  }
  return value as Results;
}
