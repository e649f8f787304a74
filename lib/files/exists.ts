// Whether a file is there, told apart from a system that does not say so.

import { stat } from "node:fs/promises";
import { isMissing } from "./isMissing.js";

/**
 * Links are followed: one that leads nowhere is not there.
 * @throws NodeJS.ErrnoException where the system does not say whether it is there (EACCES, EIO)
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
