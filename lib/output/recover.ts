// What runs that were killed left beside an output: an old output that was moved aside, and what was unfinished.

import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ioError } from "../files/ioError.js";
import { FOLDER_LOCK } from "./lockBeside.js";
import { outputState } from "./outputState.js";
import { siblingOf } from "./siblingOf.js";
import { tryLock } from "./tryLock.js";

/** Of staging folders, after the output's name: `.NAME.retemper-0123456789ab`, with `-old` for an output that it replaces. */
const STAGED = "retemper-";
const RANDOM = /^[0-9a-f]{12}(-old)?$/;
const BESIDE = /^\.(.+)\.retemper(?:\.lock(?:\.owner)?|-[0-9a-f]{12}(?:-old)?)$/;

/** A name for a staging folder. @param random 12 hexadecimal digits */
export function stagingFolder(out: string, random: string): string {
  return siblingOf(out, `${STAGED}${random}`);
}

/** Where an output goes that a staging folder replaces. */
export function asideOf(staged: string): string {
  return `${staged}-old`;
}

/**
 * Gives an output back that a dead run had moved aside, then removes everything else that dead runs left. Call it with the
 * output's lock held.
 * @throws RetemperError IO
 */
export async function recover(out: string): Promise<void> {
  try {
    const stem = basename(siblingOf(out, STAGED));
    for (const name of await readdir(dirname(out))) {
      if (!name.startsWith(stem) || !RANDOM.test(name.slice(stem.length))) continue;
      const path = join(dirname(out), name);
      if (name.endsWith("-old")) await giveBack(out, path);
      else await rm(path, { recursive: true, force: true, maxRetries: 3 });
    }
  } catch (error) {
    throw ioError(error, out, "cannot look beside the output");
  }
}

/** Moves `aside` to the output's name where a run was killed between two renames; removes it where another has the name. */
export async function giveBack(out: string, aside: string): Promise<void> {
  if ((await outputState(aside)) === "absent") return;
  if ((await outputState(out)) === "absent") await rename(aside, out);
  else await rm(aside, { recursive: true, force: true, maxRetries: 3 });
}

/** The same for everything in a folder; what a living run holds the lock of stays as it is. */
export async function recoverInside(folder: string): Promise<void> {
  const names = (await readdir(folder)).flatMap((entry) => BESIDE.exec(entry)?.[1] ?? []);
  for (const name of new Set(names)) await recoverUnlocked(join(folder, name));
}

/** The same beside an output that is complete; a run that lives keeps what it has. */
export async function recoverBeside(out: string): Promise<void> {
  const stem = basename(siblingOf(out, "retemper"));
  const left = (await readdir(dirname(out))).some((name) => name.startsWith(stem) && BESIDE.test(name));
  if (left) await recoverUnlocked(out);
}

async function recoverUnlocked(out: string): Promise<void> {
  const { lock } = tryLock(siblingOf(out, FOLDER_LOCK));
  if (!lock) return;
  try {
    await recover(out);
  } finally {
    lock.release();
  }
}
