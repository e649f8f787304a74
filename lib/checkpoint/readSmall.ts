// The bytes of a small tensor that says how others are read: tables, shapes and texts of quantised formats.

import { fromNative } from "../addon/job.js";
import { RetemperError } from "../errors.js";
import type { RawTensor, StoredFile } from "./types.js";
import type { HeaderReader } from "./weights.js";

/** Kilobytes, if it is what it is said to be. */
const MOST = 1 << 20;

/** @throws RetemperError BAD_INPUT for one that is large; IO */
export function readSmall(
  { name, file, offset, bytes }: RawTensor,
  files: readonly StoredFile[],
  addon: HeaderReader,
): Uint8Array {
  const path = files[file]?.path ?? "";
  if (bytes > MOST) {
    throw new RetemperError("BAD_INPUT", `has ${bytes} bytes, too many for what it is`, { file: path, tensor: name });
  }
  try {
    return addon.readBytes(path, offset, offset + bytes);
  } catch (error) {
    throw error instanceof RetemperError ? error : fromNative(error, new Error());
  }
}
