// The staging folder beside an output: everything is written there, and one rename makes it the output.
// A lock beside it keeps a second run away; what dead runs left is removed by the next one.

import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rm, rmdir } from "node:fs/promises";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { requireInPlace } from "../files/requireInPlace.js";
import { lockBeside } from "./lockBeside.js";
import { outputState } from "./outputState.js";
import { publishFolder } from "./publishFolder.js";
import { asideOf, recover, stagingFolder } from "./recover.js";

export interface StagingOptions {
  /** Replaces what has the output's name by then. */
  readonly force?: boolean | undefined;
  /** Asked once no other run writes there and what dead runs left is gone: throws where nothing may be written. */
  readonly check?: (() => Promise<unknown>) | undefined;
}

export interface Staging {
  /** The folder to write to. */
  readonly folder: string;
  /** Makes the folder the output; with `force`, an old output is replaced in one step and then deleted. */
  publish(): Promise<void>;
  /** Removes what is unfinished, unless it is to be kept, and lets the next run in. Never fails. */
  close(keep?: boolean): Promise<void>;
}

/**
 * Takes the output's lock, removes what dead runs left beside it and makes a new staging folder.
 * @throws RetemperError OUTPUT_EXISTS while another run writes the same output; IO where the folder cannot be made; what
 *   `check` throws
 */
export async function openStaging(out: string, { force = false, check }: StagingOptions = {}): Promise<Staging> {
  const lock = await lockBeside(out);
  try {
    await recover(out);
    if (!force) await refuseNewcomer(out); // another run may have finished, or a lost output come back
    await check?.();
    const folder = stagingFolder(out, randomBytes(6).toString("hex"));
    const handle = await makeStaging(folder);
    return {
      folder,
      async publish() {
        // Writing makes folders that are missing: of one that was removed, there would be only the later files.
        requireInPlace(folder, await handle.stat());
        if (!force) await refuseNewcomer(out);
        await publishFolder(folder, out, asideOf(folder));
      },
      async close(keep = false) {
        await handle.close().catch(() => {});
        // On a disk that has become read-only, say, it is left to the next run: what is told is why this one failed.
        if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The folder stays open: while it does, no other one gets its inode, by which it is told apart. */
async function makeStaging(folder: string): Promise<FileHandle> {
  try {
    await mkdir(folder);
    return await open(folder, "r").catch(async (error) => {
      await rmdir(folder).catch(() => {});
      throw error;
    });
  } catch (error) {
    throw ioError(error, folder, "cannot make the staging folder");
  }
}

async function refuseNewcomer(out: string): Promise<void> {
  if ((await outputState(out)) !== "exists") return;
  throw new RetemperError("OUTPUT_EXISTS", `the output ${out} came into being while this run began`, {
    file: out,
    hint: "choose another folder, or --force to replace it",
  });
}
