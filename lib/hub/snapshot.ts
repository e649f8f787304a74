// What the cache says of a repository beside its blobs: `refs/<revision>` names a commit, `snapshots/<commit>` holds links.

import { readlink, realpath, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { writeShared } from "../files/writeShared.js";
import { makeFolderFor } from "../output/makeFolderFor.js";

/** The commit that a revision means in the cache, if it holds it. */
export async function cachedCommit(repository: string, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const ref = join(repository, "refs", ...revision.split("/"));
  const text = await readTextAtMost(ref, { most: 4096, what: "a ref" }).catch(() => "");
  return isCommit(text.trim()) ? text.trim() : undefined;
}

/** @throws RetemperError BAD_INPUT for a path that is absolute or leads out of its repository */
export function checkPath(path: string): void {
  const parts = path.split("/");
  if (path === "" || /[\\\0]/.test(path) || parts.some((part) => part === "" || part === "." || part === "..")) {
    throw new RetemperError("BAD_INPUT", `${JSON.stringify(path)} is not a path within a repository.`);
  }
}

export function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/**
 * Gives a blob its name in a commit's snapshot.
 * @param file `<repository>/snapshots/<commit>/<path>`
 */
export async function linkBlob(blob: string, file: string): Promise<void> {
  await makeFolderFor(file, dirname(file));
  const real = join(await realpath(dirname(file)), "x");
  const target = relative(dirname(real), await realpath(blob));
  if ((await readlink(file).catch(() => "")) === target) return;
  await rm(file, { force: true });
  await symlink(target, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw ioError(error, file, "cannot write"); // another run was faster
  });
}

/** Says in the cache what a branch or tag means now. */
export async function writeRef(repository: string, revision: string, commit: string): Promise<void> {
  checkPath(revision);
  if ((await cachedCommit(repository, revision)) === commit) return; // the cache may be one that is only read
  await writeShared(join(repository, "refs", revision), commit);
}
