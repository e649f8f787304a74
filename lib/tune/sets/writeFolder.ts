// Writes a data set's folder whole or not at all.

import { mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ioError } from "../../files/ioError.js";
import { makeFolder } from "../../files/makeFolder.js";
import { writeWhole } from "../../files/writeWhole.js";

export const RECORD = "data.json";

/** Whether files are those of a data set and nothing else: only such a folder is replaced. */
export function isDataSet(names: readonly string[]): boolean {
  return (
    names.includes(RECORD) && names.every((name) => name === RECORD || /^(train|validation|test)\.jsonl$/.test(name))
  );
}

/**
 * Writes the files into a folder beside `out` and renames it; a data set that was there goes when the new one is whole.
 * @throws RetemperError NO_SPACE, IO
 */
export async function writeFolder(out: string, files: ReadonlyMap<string, string>): Promise<void> {
  const place = resolve(out);
  let staged: string | undefined;
  let older: string | undefined;
  try {
    await makeFolder(dirname(place));
    staged = await mkdtemp(join(dirname(place), `.${basename(place)}.partial-`));
    for (const [name, text] of files) await writeWhole(join(staged, name), text);
    older = `${staged}.older`;
    const moved = await rename(place, older).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return false;
        throw error;
      },
    );
    try {
      await rename(staged, place);
    } catch (error) {
      if (moved) await rename(older, place);
      throw error;
    }
    await rm(older, { recursive: true, force: true });
  } catch (error) {
    if (staged !== undefined) await rm(staged, { recursive: true, force: true }).catch(() => {});
    throw ioError(error, place, "cannot write");
  }
}
