// Writes a data set's folder whole or not at all.

import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { makeFolder } from "../../files/makeFolder.js";
import { syncFolder } from "../../files/syncFolder.js";
import { writeWhole } from "../../files/writeWhole.js";
import { lockOutput } from "../../output/lockOutput.js";
import { swapFolders } from "../../output/swapFolders.js";
import { besideOf } from "../output/place.js";
import { exists } from "../output/workplace.js";

export const RECORD = "data.json";

/** Whether files are those of a data set and nothing else: only such a folder is replaced. */
export function isDataSet(names: readonly string[]): boolean {
  return (
    names.includes(RECORD) && names.every((name) => name === RECORD || /^(train|validation|test)\.jsonl$/.test(name))
  );
}

/**
 * Writes the files into a folder beside `out`, which then takes the name; a data set that was there has it until then. What a
 * killed run left beside it is removed.
 * @param check whether `out` may be written: asked once no other run writes there
 * @throws RetemperError OUTPUT_EXISTS while another run writes there; NO_SPACE, IO; what `check` throws
 */
export async function writeFolder(
  out: string,
  files: ReadonlyMap<string, string>,
  check: () => Promise<unknown>,
): Promise<void> {
  const place = resolve(out);
  const [staged, older] = [besideOf(place, "data-new"), besideOf(place, "data-old")];
  const remove = (path: string) => rm(path, { recursive: true, force: true });
  await makeFolder(dirname(place)).catch((error) => {
    throw ioError(error, place, "cannot write");
  });
  const lock = lockOutput(place, besideOf(place, "data-lock"));
  try {
    if (!(await exists(place)) && (await exists(older))) await rename(older, place); // killed between two renames
    await check();
    await remove(older);
    await remove(staged);
    await mkdir(staged);
    for (const [name, text] of files) await writeWhole(join(staged, name), text, "nothing of the set was kept");
    // Writing makes folders that are missing: of one that was removed meanwhile, only the later files.
    const written = await readdir(staged);
    if (written.length !== files.size)
      throw new RetemperError("IO", "the folder was removed while it was written", {
        file: place,
        hint: "leave the folder around the output alone until the command has ended",
      });
    if (await exists(place)) await swapFolders(staged, place, older);
    else await rename(staged, place);
    await syncFolder(dirname(place));
    await remove(older);
  } catch (error) {
    await remove(staged).catch(() => {});
    if (await exists(place)) await remove(older).catch(() => {});
    throw ioError(error, place, "cannot write");
  } finally {
    lock.release();
  }
}
