// The lock of an output whose place may be absent until it is whole: a file beside it.

import { dirname } from "node:path";
import { lockOutput } from "./lockOutput.js";
import { makeFolderFor } from "./makeFolderFor.js";
import { siblingOf } from "./siblingOf.js";

/** The same for every folder that takes its name when it is whole, whatever is written to it. */
export const FOLDER_LOCK = "retemper.lock";

export interface LockBeside {
  /** Lets the next run in, and removes the folders above the output that were made for it, as far as they are empty. */
  release(): Promise<void>;
}

/**
 * Makes the folder above an output and takes the output's lock in it.
 * @param name the lock's, after that of the output
 * @throws RetemperError OUTPUT_EXISTS while another run has it; IO, NO_SPACE where folder or lock cannot be made
 */
export async function lockBeside(out: string, name = FOLDER_LOCK): Promise<LockBeside> {
  const above = await makeFolderFor(out, dirname(out));
  try {
    const lock = lockOutput(out, siblingOf(out, name));
    return {
      async release() {
        lock.release();
        await above.removeEmpty();
      },
    };
  } catch (error) {
    await above.removeEmpty();
    throw error;
  }
}
