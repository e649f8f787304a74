// Small files of a cache that several runs may write at once, without a lock: whoever reads one finds the whole of one of them.

import { randomBytes } from "node:crypto";
import { readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ioError } from "./ioError.js";
import { makeFolder } from "./makeFolder.js";

/**
 * Writes a file beside its place, under a name that no other run has, and renames it once. It need not outlast a loss of power:
 * it is found out again. Missing folders are made.
 * @throws RetemperError NO_SPACE, IO
 */
export async function writeShared(path: string, text: string): Promise<void> {
  const staged = `${path}.${randomBytes(6).toString("hex")}.part`;
  try {
    await makeFolder(dirname(path));
    await writeFile(staged, text);
    await rename(staged, path);
  } catch (error) {
    await rm(staged, { force: true }).catch(() => {});
    throw ioError(error, path, "cannot write");
  }
}

/** Removes what killed processes had begun to write so: only where no other one can be writing. */
export async function clearShared(path: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  const staged = (await readdir(folder).catch(() => [])).filter(
    (one) => one.startsWith(`${name}.`) && /^\.[0-9a-f]{12}\.part$/.test(one.slice(name.length)),
  );
  await Promise.all(staged.map((one) => rm(join(folder, one), { force: true }).catch(() => undefined)));
}
