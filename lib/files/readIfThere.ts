// Small files that may be absent: what is not there is told apart from what cannot be read.

import { ioError } from "./ioError.js";
import { isMissing } from "./isMissing.js";
import { type ReadLimit, readTextAtMost } from "./readAtMost.js";

/**
 * The text of a file, or undefined where there is none of this name.
 * @throws RetemperError BAD_INPUT or `limit.code` as `readTextAtMost` does; IO where it cannot be read
 */
export async function readIfThere(path: string, limit: ReadLimit): Promise<string | undefined> {
  try {
    return await readTextAtMost(path, limit);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw ioError(error, path, "cannot read");
  }
}
