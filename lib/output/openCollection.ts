// A folder that holds several outputs, each of which is staged in it beside its own name.

import { lockBeside } from "./lockBeside.js";
import { makeFolderFor } from "./makeFolderFor.js";
import { recover, recoverInside } from "./recover.js";

export interface Collection {
  /** Lets the next run in; removes the folder if nothing came into it. */
  close(): Promise<void>;
}

/**
 * Takes the lock of the folder, makes it, and removes what dead runs left beside it and in it.
 * @throws RetemperError OUTPUT_EXISTS while another run holds the lock; IO
 */
export async function openCollection(out: string): Promise<Collection> {
  const lock = await lockBeside(out);
  try {
    await recover(out);
    const folder = await makeFolderFor(out, out);
    const close = async () => {
      await folder.removeEmpty();
      await lock.release();
    };
    await recoverInside(out).catch(async (error) => {
      await folder.removeEmpty();
      throw error;
    });
    return { close };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
