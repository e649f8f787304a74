// What of a GGUF file that is somewhere else is needed to know which model it holds: its header, and the factors of rotary positions.

import type { FarFile } from "../../farFile.js";
import { ROPE_TENSORS } from "./families/families.js";
import { HeaderGoesOn } from "./headerBytes.js";
import { type GgufHeader, readGgufHeader } from "./readHeader.js";

/** Most of a header is its vocabulary: hundreds of kilobytes, or some megabytes. */
const FIRST = 256 * 1024;
/** More than factors take. */
const MOST_FACTORS = 1 << 20;

/** Brings it. @throws RetemperError as `readGgufHeader`, and as the file's `bring` */
export async function bringGgufHeader(file: FarFile): Promise<void> {
  for (let known = FIRST; ; ) {
    await file.start(known);
    const header = headerWithin(file.path, known);
    if (!(header instanceof HeaderGoesOn)) {
      for (const { name, offset, bytes } of header.tensors) {
        if ((ROPE_TENSORS as readonly string[]).includes(name) && bytes <= MOST_FACTORS) await file.read(offset, bytes);
      }
      return;
    }
    known = Math.max(2 * known, header.end);
  }
}

function headerWithin(path: string, known: number): GgufHeader | HeaderGoesOn {
  try {
    return readGgufHeader(path, known);
  } catch (error) {
    if (error instanceof HeaderGoesOn) return error;
    throw error;
  }
}
