// The size of a file that is to be pushed.

import { stat } from "node:fs/promises";
import { fileError } from "../checkpoint/modelFolder.js";

/** In bytes. @throws RetemperError BAD_INPUT, IO */
export async function sizeOf(file: string): Promise<number> {
  const { size } = await stat(file).catch((error: unknown) => {
    throw fileError(error, file);
  });
  return size;
}
