// The file that says whose a step is: OUT/steps/.<key>.claim, beside the step's record. It is a second name of its worker's record,
// so that it is whole from the moment it is there and one of many makes it, also where the folder is on a server (NFS). It lies in
// the folder of the records because making a file there makes a client of NFS forget what it believed not to be there: who has made
// a claim sees a record that another machine made before.

import { randomBytes } from "node:crypto";
import { constants, copyFile, link, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type FoundRecord, readRecord, recordPath, WORKERS_FOLDER } from "./workerRecord.js";

/** Where file systems know no second names, or none in another folder. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  ...["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"],
]);

export function claimPath(out: string, key: string): string {
  return join(out, "steps", `.${key}.claim`);
}

/** Whether the name of a file among the steps is that of a claim. */
export function isClaim(name: string): boolean {
  return name.startsWith(".") && name.endsWith(".claim");
}

/**
 * Makes the claim of a worker if there is none.
 * @returns whether this call made it
 * @throws what the file system throws
 */
export async function makeClaim(out: string, worker: string, path: string): Promise<boolean> {
  const own = recordPath(out, worker);
  try {
    await link(own, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return isSameFile(own, path);
    if (!NO_LINKS.has(code)) throw error;
  }
  try {
    await copyFile(own, path, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** A server whose answer was lost is asked again, and then the name is there already: made by this very call. */
async function isSameFile(own: string, path: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(own), stat(path).catch(() => undefined)]);
  return b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

/**
 * Removes a claim if it still is of the same worker. Of several calls at once one does.
 * @param head the worker's record, as it was read
 * @throws what the file system throws
 */
export async function removeClaim(out: string, path: string, head: string): Promise<boolean> {
  if ((await readRecord(path))?.head !== head) return false;
  const aside = join(out, WORKERS_FOLDER, `.gone-${randomBytes(9).toString("hex")}`);
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const moved = await readRecord(aside);
  const right = moved?.head === head;
  // Another's, made since it was read: back to its place, if nobody has made one there.
  if (!right) await link(aside, path).catch(() => copyFile(aside, path, constants.COPYFILE_EXCL).catch(() => {}));
  await rm(aside, { force: true });
  return right;
}

/**
 * Takes the claim of a dead worker. Who does holds a claim of doing so meanwhile: nobody else then moves away what is a living one's
 * by now.
 * @param head the dead worker's record, as it was read
 * @param own the record of `worker`
 * @param isGone whether the worker of a record, which may be taking the claim over itself, is dead
 * @returns whether it is this worker's now
 * @throws what the file system throws
 */
export async function takeOver(
  out: string,
  worker: string,
  { path, head, own }: { readonly path: string; readonly head: string; readonly own: string },
  isGone: (found: FoundRecord) => Promise<boolean>,
): Promise<boolean> {
  const taking = path.replace(/claim$/, "taking.claim");
  while (!(await makeClaim(out, worker, taking))) {
    const found = await readRecord(taking);
    if (!found) continue;
    if (!(await isGone(found))) return false;
    await removeClaim(out, taking, found.head);
  }
  try {
    await removeClaim(out, path, head);
    return await makeClaim(out, worker, path);
  } finally {
    await removeClaim(out, taking, own);
  }
}
