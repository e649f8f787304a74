// Files that appear whole or not at all, and what it is called when they cannot.

import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { RetemperError } from "./errors.js";

/**
 * Writes a file beside its place, syncs it, and renames it once: whoever reads the place finds what was there before or all
 * of the new. Missing folders are made; what was begun is removed after a failure.
 * @param content text (UTF-8) or bytes, or parts of them that follow each other
 * @throws RetemperError NO_SPACE, IO
 */
export async function writeWhole(path: string, content: string | readonly (Uint8Array | string)[]): Promise<void> {
  const staged = `${path}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(staged, "w");
    try {
      for (const part of typeof content === "string" ? [content] : content) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(staged, path);
  } catch (error) {
    await rm(staged, { force: true }).catch(() => {});
    throw writeFailure(path, error);
  }
}

/** What writing to a file failed of: NO_SPACE or IO. */
export function writeFailure(path: string, error: unknown): RetemperError {
  const { code, message } = error as NodeJS.ErrnoException;
  const full = code === "ENOSPC" || code === "EDQUOT";
  return new RetemperError(full ? "NO_SPACE" : "IO", full ? "the disk is full" : message, {
    file: path,
    hint: full ? "free some space and start again: what was done before is kept" : undefined,
    cause: error,
  });
}
