// The lock of an output that is there while it grows: a file in it.

import { join } from "node:path";
import type { OutputLock } from "./lockAttempt.js";
import { lockOutput } from "./lockOutput.js";
import { makeFolderFor } from "./makeFolderFor.js";

export const LOCK_FILE = ".lock";

/**
 * Makes the folder and takes its lock.
 * @param remedy what else a run that is refused can do
 * @throws RetemperError OUTPUT_EXISTS while another run has it; IO, NO_SPACE where folder or lock cannot be made
 */
export async function lockInside(out: string, remedy?: string): Promise<OutputLock> {
  await makeFolderFor(out, out);
  return lockOutput(out, join(out, LOCK_FILE), remedy);
}
