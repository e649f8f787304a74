// Files that appear whole or not at all.

import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ioError } from "./ioError.js";
import { makeFolder } from "./makeFolder.js";
import { syncFolder } from "./syncFolder.js";

/** What a user is told where space ran out and the same command goes on. */
export const KEPT = "what was done before is kept: start again";

/**
 * Writes a file beside its place, syncs it, and renames it once: whoever reads the place finds what was there before or all
 * of the new. Missing folders are made; what was begun is removed after a failure.
 * @param content text (UTF-8) or bytes, or parts of them that follow each other and are asked for one at a time
 * @param whenFull what a user is told where there is no space for it
 * @throws RetemperError NO_SPACE, IO
 */
export async function writeWhole(
  path: string,
  content: string | readonly (Uint8Array | string)[] | AsyncIterable<Uint8Array>,
  whenFull = KEPT,
): Promise<void> {
  const staged = `${path}.partial`;
  try {
    await makeFolder(dirname(path));
    const file = await open(staged, "w");
    try {
      for await (const part of typeof content === "string" ? [content] : content) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(staged, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(staged, { force: true }).catch(() => {});
    throw ioError(error, path, "cannot write", whenFull);
  }
}
