// Where a training writes. A new output is written in its place, where it becomes an adapter once it is complete; one that
// replaces another is written beside it and takes its name when it is whole, so the old one is there until then.

import { lstat, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ioError } from "../../files/ioError.js";
import { swapFolders } from "../../output/swapFolders.js";
import { besideOf, RECORD } from "./place.js";

export interface Workplace {
  /** What is written to. */
  readonly folder: string;
  /** Gives the output its name. */
  publish(): Promise<void>;
}

/**
 * Call it with the output's lock held, once the output's place has been checked.
 * @param resume goes on with a replacement that was begun, where there is one
 */
export async function openWorkplace(
  out: string,
  { force = false, resume = false }: { readonly force?: boolean | undefined; readonly resume?: boolean | undefined },
): Promise<Workplace> {
  const [beside, aside] = [besideOf(out, "tuning-new"), besideOf(out, "tuning-old")];
  try {
    // a run may have been killed between the two renames of `swapFolders`
    if (!(await exists(out)) && (await exists(aside))) await rename((await isWhole(beside)) ? beside : aside, out);
    await rm(aside, { recursive: true, force: true });
    if (!(resume && (await exists(join(beside, RECORD))))) {
      await rm(beside, { recursive: true, force: true });
      if (!force || !(await exists(out))) return { folder: out, publish: async () => {} };
    }
  } catch (cause) {
    throw ioError(cause, out, "the output's place cannot be prepared");
  }
  return {
    folder: beside,
    async publish() {
      try {
        if (await exists(out)) await swapFolders(beside, out, aside);
        else await rename(beside, out);
        await rm(aside, { recursive: true, force: true });
      } catch (cause) {
        throw ioError(cause, out, "the output's place cannot be prepared");
      }
    },
  };
}

async function isWhole(folder: string): Promise<boolean> {
  return exists(join(folder, "adapter_config.json"));
}

/** Whether something has this name, be it a link that leads nowhere. */
export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
