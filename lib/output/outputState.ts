// What has the name of an output.

import { lstat, readdir } from "node:fs/promises";
import { ioError } from "../files/ioError.js";

export type OutputState = "absent" | "empty" | "exists";

/**
 * "empty" only for a folder: an empty folder counts as absent, an empty file does not. A link is something, wherever it leads.
 * @param ignored names in the folder that do not count
 * @throws RetemperError IO where the system does not say
 */
export async function outputState(out: string, ignored: readonly string[] = []): Promise<OutputState> {
  try {
    const stats = await lstat(out);
    if (!stats.isDirectory()) return "exists";
    return (await readdir(out)).every((name) => ignored.includes(name)) ? "empty" : "exists";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "absent";
    throw ioError(error, out, "cannot look at the output folder");
  }
}
