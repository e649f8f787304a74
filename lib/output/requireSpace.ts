// Refuses what does not fit on its disk, before anything is read or downloaded at length.

import { RetemperError } from "../errors.js";
import { freeBytes } from "../files/freeBytes.js";

export interface SpaceNeed {
  /** Where it is to be written. */
  readonly file: string;
  /** Bytes. */
  readonly needed: number;
  /** What needs them, for the message: "the output" by default. */
  readonly what?: string | undefined;
  /** What helps. */
  readonly hint: string;
}

/** @throws RetemperError NO_SPACE that says what is needed and what is free; IO */
export async function requireSpace({ file, needed, what = "the output", hint }: SpaceNeed): Promise<void> {
  const free = await freeBytes(file);
  if (free === undefined || free >= needed) return;
  throw new RetemperError(
    "NO_SPACE",
    `${what} needs ${gigabytes(needed)} (${needed} bytes) and ${gigabytes(free)} (${free} bytes) are free`,
    { file, hint },
  );
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
