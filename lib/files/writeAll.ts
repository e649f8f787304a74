// Writes over what a full disk or a signal does to a call: fewer bytes than were given, which Node hands on.

import type { FileHandle } from "node:fs/promises";

/**
 * Writes all of the bytes at a place in a file.
 * @returns how many
 * @throws NodeJS.ErrnoException
 */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  for (let at = 0; at < bytes.length; ) {
    at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
  return bytes.length;
}
