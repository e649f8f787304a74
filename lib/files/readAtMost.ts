// Reads files that are small if they are what they are said to be. Whoever made them may have made something else: a file
// whose size says nothing (/dev/zero, /proc), one that grows, a FIFO that nobody writes to.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type ErrorCode, RetemperError } from "../errors.js";
import { readPiece } from "./readPiece.js";

export interface ReadLimit {
  /** Bytes. Nothing is read beyond them, whatever the file's size is said to be. */
  readonly most: number;
  /** What the file is, for messages: "a recipe". */
  readonly what: string;
  /** Whether pipes and terminals may be read: where the user names the file, as in `plan <(make-recipe)`. */
  readonly pipes?: boolean | undefined;
  /** Of a file that is too large; BAD_INPUT by default. */
  readonly code?: ErrorCode | undefined;
}

const BLOCK = 64 * 1024;

/**
 * The bytes of a file.
 * @throws RetemperError BAD_INPUT for what is no file, and `code` for one that is larger than `most`. NodeJS.ErrnoException
 * where the system refuses (EISDIR for a folder), so that callers can tell what they know of the file.
 */
export async function readAtMost(path: string, limit: ReadLimit): Promise<Buffer> {
  // A FIFO without a writer would hold the run up at `open`; so would one that is read. Where one may be meant, waiting is right.
  const handle = await open(path, limit.pipes ? "r" : constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = await handle.stat();
    if (!facts.isFile() && !facts.isDirectory() && !limit.pipes) {
      throw new RetemperError("BAD_INPUT", "this is not a regular file", { file: path });
    }
    if (facts.isFile() && facts.size > limit.most) throw tooLarge(path, limit, `${facts.size} bytes are`);
    return await readAll(handle, facts.isFile() ? facts.size : 0, path, limit);
  } finally {
    await handle.close();
  }
}

/** The same as UTF-8 text; what is no UTF-8 becomes U+FFFD. */
export async function readTextAtMost(path: string, limit: ReadLimit): Promise<string> {
  return (await readAtMost(path, limit)).toString("utf8");
}

/** `size` is where to begin; only the end of the file says that it has ended. */
async function readAll(handle: FileHandle, size: number, path: string, limit: ReadLimit): Promise<Buffer> {
  let buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(size, BLOCK - 1), limit.most) + 1);
  let length = 0;
  for (;;) {
    const read = await readPiece(handle, buffer, length, Math.min(buffer.length - length, 2 ** 30));
    if (read === 0) return buffer.subarray(0, length);
    length += read;
    if (length > limit.most) throw tooLarge(path, limit, `more than ${limit.most} bytes are`);
    if (length === buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 * length, limit.most + 1));
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
  }
}

function tooLarge(file: string, { code = "BAD_INPUT", what, most }: ReadLimit, size: string): RetemperError {
  const hint = `check that this is ${what}; the limit is ${most} bytes`;
  return new RetemperError(code, `${size} too many for ${what}`, { file, hint });
}
