// Reads over what a signal or a slow disk does to a call: EINTR, which Node hands on, and fewer bytes than were asked for.

import type { FileHandle } from "node:fs/promises";
import { RetemperError } from "../errors.js";

/** Bytes that `pieces` reads at a time. */
const PIECE = 1 << 16;

/**
 * As `FileHandle.read`, but an interrupted call is made again.
 * @returns how many bytes were read: 0 only at the end of the file
 * @throws NodeJS.ErrnoException
 */
export async function readPiece(
  handle: FileHandle,
  buffer: Buffer,
  offset: number,
  length: number,
  position: number | null = null,
): Promise<number> {
  for (;;) {
    try {
      return (await handle.read(buffer, offset, length, position)).bytesRead;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EINTR") throw error;
    }
  }
}

/**
 * Fills a buffer from a place in a file.
 * @throws RetemperError BAD_INPUT where the file ends before; NodeJS.ErrnoException
 */
export async function readFull(handle: FileHandle, buffer: Buffer, position: number, file: string): Promise<void> {
  for (let at = 0; at < buffer.length; ) {
    const read = await readPiece(handle, buffer, at, buffer.length - at, position + at);
    if (read === 0) throw new RetemperError("BAD_INPUT", `was cut off at byte ${position + at}`, { file });
    at += read;
  }
}

/**
 * A file from where its handle is to its end.
 * @throws NodeJS.ErrnoException
 */
export async function* pieces(handle: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    const piece = Buffer.allocUnsafe(PIECE);
    const read = await readPiece(handle, piece, 0, PIECE);
    if (read === 0) return;
    yield piece.subarray(0, read);
  }
}
