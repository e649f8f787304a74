// The staging folder beside the output: everything is written there, and one rename makes it the output.
// A lock beside it keeps a second run away; what dead runs left is removed by the next one.

import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Addon } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { makeFolder } from "../files/makeFolder.js";
import { syncFolder } from "../files/syncFolder.js";
import { lockOutput } from "../output/lockOutput.js";
import { tryLock } from "../output/tryLock.js";
import { outputState } from "./place.js";

/** Longer names would push the staging folder's own name over the usual 255 bytes. */
const LONGEST_NAME = 200;

export interface Staging {
  /** The folder to write to. */
  readonly folder: string;
  /** Makes the folder the output; with `force`, an old output is replaced in one step and then deleted. */
  publish(): Promise<void>;
  /** Removes what is unfinished, unless it is to be kept, and lets the next run in. Never fails. */
  close(keep: boolean): Promise<void>;
}

/**
 * Takes the output's lock, removes what dead runs left beside it and makes a new staging folder.
 * @throws RetemperError OUTPUT_EXISTS while another run writes the same output; IO where the folder cannot be made.
 */
export async function openStaging(out: string, force: boolean, addon: Pick<Addon, "exchange">): Promise<Staging> {
  const parent = dirname(out);
  const made = await makeParent(out, parent);
  const stem = siblingStem(out);
  const lock = lockOutput(out, join(parent, `${stem}.lock`));
  try {
    await recover(out, parent, stem);
    if (!force) await refuseNewcomer(out); // another run may have finished, or a lost output come back
    const folder = join(parent, `${stem}-${randomBytes(6).toString("hex")}`);
    await makeStaging(folder);
    return {
      folder,
      publish: () => publish(folder, out, force, addon),
      async close(keep) {
        // On a disk that has become read-only, say, it is left to the next run: what is told is why this one failed.
        if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
        lock.release();
        await removeEmpty(made, parent);
      },
    };
  } catch (error) {
    lock.release();
    await removeEmpty(made, parent);
    throw error;
  }
}

/**
 * Takes the lock of a folder that holds several outputs, makes the folder, and removes what dead runs left beside it and
 * in it. Its outputs are staged in it, each as any other output beside its own name.
 * @throws RetemperError OUTPUT_EXISTS while another run holds the lock
 */
export async function openCollection(
  out: string,
): Promise<{ /** Lets the next run in; removes the folder if nothing came into it. */ close(): Promise<void> }> {
  const parent = dirname(out);
  let made = await makeParent(out, parent);
  const stem = siblingStem(out);
  const lock = lockOutput(out, join(parent, `${stem}.lock`));
  const close = async () => {
    lock.release();
    await removeEmpty(made, out);
  };
  try {
    await recover(out, parent, stem);
    const inner = await makeParent(out, out);
    made ??= inner;
    await recoverInside(out);
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Removes what dead runs left of outputs in `folder`; a run that lives holds its lock. */
async function recoverInside(folder: string): Promise<void> {
  const names = new Set<string>();
  for (const entry of await readdir(folder)) {
    const [, name] = /^\.(.+)\.retemper(?:\.lock(?:\.owner)?|-[0-9a-f]{12}(?:-old)?)$/.exec(entry) ?? [];
    if (name !== undefined) names.add(name);
  }
  for (const name of names) {
    const stem = siblingStem(name);
    const { lock } = tryLock(join(folder, `${stem}.lock`));
    if (!lock) continue;
    try {
      await recover(join(folder, name), folder, stem);
    } finally {
      lock.release();
    }
  }
}

/** Removes what dead runs left beside an output that is complete; a run that lives keeps what it has. */
export async function clearBeside(out: string): Promise<void> {
  const [parent, stem] = [dirname(out), siblingStem(out)];
  const left = (await readdir(parent)).some((name) => name.startsWith(`${stem}.lock`) || name.startsWith(`${stem}-`));
  const lock = left ? tryLock(join(parent, `${stem}.lock`)).lock : undefined;
  if (!lock) return;
  try {
    await recover(out, parent, stem);
  } finally {
    lock.release();
  }
}

/** The start of the names of everything that a run keeps beside its output. */
function siblingStem(out: string): string {
  const name = basename(out);
  const short = Buffer.byteLength(name) <= LONGEST_NAME;
  return `.${short ? name : createHash("sha256").update(name).digest("hex").slice(0, 32)}.retemper`;
}

/** Makes the folders above the output; returns the topmost that had to be made, for the way back. */
async function makeParent(out: string, parent: string): Promise<string | undefined> {
  try {
    return await makeFolder(parent);
  } catch (error) {
    throw ioError(error, out, `cannot make the folder ${parent}`);
  }
}

async function makeStaging(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    throw ioError(error, folder, "cannot make the staging folder");
  }
}

/** Restores an output that a dead run had moved aside, then removes everything else that dead runs left. */
async function recover(out: string, parent: string, stem: string): Promise<void> {
  const names = await readdir(parent).catch((error: unknown) => {
    throw ioError(error, out, "cannot look beside the output");
  });
  const left = names.filter((name) => {
    return name.startsWith(`${stem}-`) && /^[0-9a-f]{12}(-old)?$/.test(name.slice(stem.length + 1));
  });
  for (const name of left) {
    const path = join(parent, name);
    if (name.endsWith("-old") && (await outputState(out)) === "absent") await rename(path, out);
    else await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function publish(folder: string, out: string, force: boolean, addon: Pick<Addon, "exchange">): Promise<void> {
  const parent = dirname(out);
  try {
    if ((await outputState(out)) !== "exists") {
      await rename(folder, out);
      await syncFolder(parent);
      return;
    }
    if (!force) await refuseNewcomer(out);
    const aside = await swap(folder, out, addon);
    await syncFolder(parent);
    await rm(aside, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    throw ioError(error, out, "cannot give the finished output its name");
  }
}

async function refuseNewcomer(out: string): Promise<void> {
  if ((await outputState(out)) !== "exists") return;
  throw new RetemperError("OUTPUT_EXISTS", `the output ${out} came into being while this run began`, {
    file: out,
    hint: "choose another folder, or --force to replace it",
  });
}

/** Puts the new output in the old one's place and returns where the old one is now. */
async function swap(folder: string, out: string, addon: Pick<Addon, "exchange">): Promise<string> {
  try {
    addon.exchange(folder, out);
    return folder;
  } catch {
    // This file system cannot swap two names in one step. Between the two renames the old output has another name,
    // from which the next run brings it back.
    const aside = `${folder}-old`;
    await rename(out, aside);
    try {
      await rename(folder, out);
    } catch (error) {
      await rename(aside, out);
      throw error;
    }
    return aside;
  }
}

/** Removes the folders above the output that this run made, as far as they are empty. */
async function removeEmpty(made: string | undefined, parent: string): Promise<void> {
  if (made === undefined) return;
  for (let folder = parent; folder.length >= made.length; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}
