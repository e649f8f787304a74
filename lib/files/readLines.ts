// Lines of a file or of bytes, one at a time: a file may be longer than a text can be, and a line may never end.

import type { FileHandle } from "node:fs/promises";
import { RetemperError } from "../errors.js";
import { readPiece } from "./readPiece.js";

/** Bytes that are read at a time. */
const BLOCK = 1 << 20;
const NEWLINE = 0x0a;

/** No line of answers, rows or prompts is this long. */
export const LONGEST_LINE = 64 * 2 ** 20;

/**
 * Whole lines with their newlines; a last line without one is left out.
 * @param from where the first line begins, in bytes
 * @throws RetemperError BAD_INPUT for a line above `longest` bytes
 */
export async function* wholeLines(
  handle: FileHandle,
  file: string,
  { longest = LONGEST_LINE, from = 0 }: { readonly longest?: number; readonly from?: number } = {},
): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []; // of a line that goes on in the next block
  let held = 0;
  let number = 1;
  for (let place = from; ; ) {
    const block = Buffer.allocUnsafeSlow(BLOCK);
    const bytesRead = await readPiece(handle, block, 0, BLOCK, from === 0 ? null : place);
    if (bytesRead === 0) return;
    place += bytesRead;
    let start = 0;
    for (let end = newline(block, bytesRead, 0); end >= 0; end = newline(block, bytesRead, start)) {
      const line = block.subarray(start, end + 1);
      if (held + line.length > longest) throw tooLong(file, number, longest);
      yield parts.length === 0 ? line : Buffer.concat([...parts, line]);
      number += 1;
      parts = [];
      held = 0;
      start = end + 1;
    }
    parts.push(block.subarray(start, bytesRead));
    held += bytesRead - start;
    if (held > longest) throw tooLong(file, number, longest);
  }
}

/**
 * The lines of bytes as UTF-8 text without their ends, each with its 1-based number; empty ones too.
 * @throws RetemperError BAD_INPUT for a line above `longest` bytes, or one that is not UTF-8
 */
export function* textLines(bytes: Uint8Array, file: string, longest = LONGEST_LINE): Generator<[string, number]> {
  const decoder = new TextDecoder("utf-8", { fatal: true }); // drops a byte order mark at the beginning
  let number = 1;
  for (let start = 0; start <= bytes.length; number += 1) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    if (end - start > longest) throw tooLong(file, number, longest);
    yield [decode(decoder, bytes.subarray(start, end), file, number), number];
    start = end + 1;
  }
}

function decode(decoder: { decode(bytes: Uint8Array): string }, bytes: Uint8Array, file: string, line: number): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new RetemperError("BAD_INPUT", "the text is not UTF-8", { file, line, cause });
  }
}

function newline(block: Buffer, bytes: number, from: number): number {
  const at = block.indexOf(NEWLINE, from);
  return at < bytes ? at : -1; // what follows was never read
}

function tooLong(file: string, line: number, longest: number): RetemperError {
  return new RetemperError("BAD_INPUT", `this line is too long: more than ${longest} bytes`, {
    file,
    line,
    hint: "check that the file holds lines; cut this one",
  });
}
