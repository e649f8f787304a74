// models/chosen: the link to the model to ship, in a run's folder.

import { readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";
import { syncFolder } from "../../files/syncFolder.js";
import type { ShippedModel } from "../../report/types.js";

/** Of the link, relative to the run's folder. */
export const CHOSEN = join("models", "chosen");

/** What symlink(2) says on a file system without links. */
const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

/**
 * Makes models/chosen lead to what is to be shipped, in one step: whoever follows it finds the old model or the new one.
 * Without a model it is removed. A file or a folder of that name that is no link is never touched.
 * @returns what is shipped; without the link where the file system has none, as FAT
 * @throws RetemperError OUTPUT_EXISTS where something else has the name; IO, NO_SPACE
 */
export async function linkChosen(out: string, shipped: ShippedModel | undefined): Promise<ShippedModel | undefined> {
  const link = join(out, CHOSEN);
  const before = await targetOf(link);
  const target = shipped && basename(shipped.path);
  if (before === target) return shipped;
  const staged = `${link}.partial`;
  try {
    if (target === undefined) await rm(link);
    else {
      await rm(staged, { force: true });
      await symlink(target, staged);
      await rename(staged, link);
    }
    await syncFolder(dirname(link));
    return shipped;
  } catch (error) {
    await rm(staged, { force: true }).catch(() => {});
    const { code = "", syscall } = error as NodeJS.ErrnoException;
    if (shipped && syscall === "symlink" && NO_LINKS.has(code)) {
      const { link: _none, ...rest } = shipped;
      return rest;
    }
    throw ioError(error, link, "cannot write");
  }
}

/** Before a model's files change: a link to it must not lead to files that nothing has confirmed. */
export async function unlinkIfAt(out: string, path: string): Promise<void> {
  if ((await targetOf(join(out, CHOSEN))) === basename(path)) await linkChosen(out, undefined);
}

async function targetOf(link: string): Promise<string | undefined> {
  try {
    return await readlink(link);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code !== "EINVAL") throw ioError(error, link, "cannot read");
    throw new RetemperError("OUTPUT_EXISTS", "is no link, and the run writes one of that name", {
      file: link,
      hint: "move it elsewhere, and start again: what was done before is kept",
    });
  }
}
