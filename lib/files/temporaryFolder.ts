// Folders in the system's place for temporary files, which the environment may name wrongly.

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "./ioError.js";

/**
 * @param prefix of its name
 * @throws RetemperError IO where there is no such place, or nothing can be made in it; NO_SPACE
 */
export async function temporaryFolder(prefix: string): Promise<string> {
  const place = tmpdir();
  try {
    return await mkdtemp(join(place, prefix));
  } catch (error) {
    throw temporaryFolderError(error, place);
  }
}

/** What it means that nothing could be made in the place for temporary files. */
export function temporaryFolderError(error: unknown, place: string): RetemperError {
  const { code } = error as { readonly code?: string };
  const isGone = code === "ENOENT" || code === "ENOTDIR" || code === "BAD_INPUT"; // the last is the addon's word
  if (!isGone) return ioError(error, place, "cannot make a temporary folder");
  return new RetemperError("IO", "the folder for temporary files does not exist", {
    file: place,
    hint: "TMPDIR must name a folder that exists and can be written to",
    cause: error,
  });
}
