// Unpacks gzip that a stranger made: a few kilobytes may hold gigabytes of one byte.

import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { RetemperError } from "../errors.js";

/** Text packs to a tenth, rows that are much alike to a fiftieth; deflate's best, for one byte again and again, is 1,032. */
const MOST_RATIO = 300;
/** What may be unpacked whatever the ratio. */
const HARMLESS = 16 * 2 ** 20;

/**
 * @param most bytes of the unpacked content
 * @throws RetemperError BAD_INPUT for what is no gzip, and as soon as it is seen to be larger than `most` or than any text
 * packs
 */
export async function unpackAtMost(packed: Uint8Array, file: string, most: number): Promise<Buffer> {
  const gunzip = createGunzip({ chunkSize: 2 ** 18 });
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of Readable.from([packed], { objectMode: false }).pipe(gunzip)) {
      length += (part as Buffer).length;
      if (length > most) throw bomb(file, `it unpacks to more than ${most} bytes`);
      if (length > HARMLESS && length > MOST_RATIO * gunzip.bytesWritten) {
        throw bomb(file, `it unpacks to more than ${MOST_RATIO} times its size, which no text does`);
      }
      parts.push(part as Buffer);
    }
  } catch (error) {
    if (error instanceof RetemperError) throw error;
    throw new RetemperError("BAD_INPUT", `cannot be unpacked: ${(error as Error).message}`, { file, cause: error });
  }
  return Buffer.concat(parts, length);
}

function bomb(file: string, why: string): RetemperError {
  return new RetemperError("BAD_INPUT", `this is too long: ${why}`, {
    file,
    hint: "unpack it yourself (gunzip) if you trust it, and give the file",
  });
}
