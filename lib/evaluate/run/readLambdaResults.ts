// Reads what `evaluate --lambda` wrote: a folder with an evaluation for each lambda.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ioError } from "../../files/ioError.js";
import { isMissing } from "../../files/isMissing.js";
import { RESULTS_FILE } from "./fileJournal.js";
import { readResults } from "./readResults.js";
import type { Results } from "./results.js";

/**
 * The evaluations of a merge at several lambdas, in the order of lambda.
 * @param folder the --out of `evaluate --lambda`, or of `evaluateLambdas()`
 * @returns undefined where it is something else: no folder, one with a results.json, or one without any folder lambda-X
 * @throws RetemperError BAD_INPUT where one of them has not ended; IO
 * @example
 * ```ts
 * import { readLambdaResults } from "retemper";
 *
 * for (const { lambda, tasks } of (await readLambdaResults("evaluations/merges")) ?? []) {
 *   console.log(lambda, tasks.map(({ name, primary, metrics }) => [name, metrics[primary]?.value]));
 * }
 * ```
 */
export async function readLambdaResults(folder: string): Promise<Results[] | undefined> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return undefined; // also a file: readdir says ENOTDIR
    throw ioError(error, folder, "cannot read the results");
  }
  const lambdas = names.filter((name) => /^lambda-[\d.e+-]+$/.test(name));
  if (names.includes(RESULTS_FILE) || lambdas.length === 0) return undefined;
  const all = await Promise.all(lambdas.map((name) => readResults(join(folder, name))));
  return all.sort((a, b) => (a.lambda ?? 0) - (b.lambda ?? 0));
}
