// A merge that was chosen and not confirmed has a file beside it that says so, where whoever ships it looks. Not in its folder:
// that holds what was written with the merge, which `verify` compares.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ioError } from "../../files/ioError.js";
import { writeWhole } from "../../files/writeWhole.js";
import type { ExperimentResults } from "../../report/types.js";

/** Writes the mark beside the folders of what was not confirmed, and takes it from all others that this run wrote. */
export async function markUnconfirmed(
  out: string,
  { outputs, confirmation }: Pick<ExperimentResults, "outputs" | "confirmation">,
): Promise<void> {
  for (const { path, confirmed } of outputs) {
    const file = notConfirmedFile(out, path);
    if (confirmed === false) await writeWhole(file, `# Not confirmed\n\n${confirmation?.sentence ?? ""}\n`);
    else
      await rm(file, { force: true }).catch((error) => {
        throw ioError(error, file, "cannot remove");
      });
  }
}

/** What says so, beside the model's folder. */
export function notConfirmedFile(out: string, path: string): string {
  return join(out, `${path}.not-confirmed.md`);
}
