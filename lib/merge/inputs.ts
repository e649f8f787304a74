// The input files of a merge: which they are, whether they are still what they were, and their digests.

import { realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { runJob } from "../addon/job.js";
import type { Addon } from "../addon/surface.js";
import type { Checkpoint, StoredFile } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { writeShared } from "../files/writeShared.js";
import type { ProgressReporter } from "./progress.js";

export interface InputFile extends StoredFile {
  /** Reference of the model as the recipe writes it. */
  readonly model: string;
  /** "adapter" for the adapter's own files. */
  readonly part?: "adapter";
}

/** Every file of the models and their adapters, once each. */
export function inputFiles(checkpoints: ReadonlyMap<string, Checkpoint>): InputFile[] {
  const files = new Map<string, InputFile>();
  for (const [model, { files: own, adapter }] of checkpoints) {
    for (const file of own) if (!files.has(file.path)) files.set(file.path, { ...file, model });
    for (const file of adapter?.files ?? []) {
      if (!files.has(file.path)) files.set(file.path, { ...file, model, part: "adapter" });
    }
  }
  return [...files.values()];
}

/** @throws RetemperError BAD_INPUT when a file was rewritten, replaced or cut since its header was read. */
export async function refuseChanged(files: readonly StoredFile[]): Promise<void> {
  for (const file of files) {
    const now = await stat(file.path, { bigint: true }).catch((cause: unknown) => {
      throw changed(file, "is gone", cause);
    });
    if (now.size !== BigInt(file.size)) throw changed(file, `had ${file.size} bytes and now has ${now.size}`);
    if (String(now.ino) !== file.inode) throw changed(file, "was replaced by another file");
    if (String(now.mtimeNs) !== file.mtimeNs) throw changed(file, "was written to");
  }
}

function changed({ path }: StoredFile, what: string, cause?: unknown): RetemperError {
  return new RetemperError("BAD_INPUT", `the input ${path} ${what} during the merge`, {
    file: path,
    hint: "merge again once the input stays as it is",
    cause,
  });
}

/** Digests by path, as far as they are known without reading: from the hub's blob names and from earlier readings. */
export async function knownDigests(files: readonly InputFile[]): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  const cache = await readCache();
  for (const file of files) {
    const digest = (await blobDigest(file.path)) ?? cache[cacheKey(file)];
    if (digest !== undefined) digests.set(file.path, digest);
  }
  return digests;
}

/** Adds the digests of the other files by reading them, and remembers these for the next time. */
export async function hashUnknown(
  files: readonly InputFile[],
  digests: Map<string, string>,
  addon: Pick<Addon, "hashFiles">,
  signal: AbortSignal | undefined,
  progress: ProgressReporter,
): Promise<void> {
  const unknown = files.filter(({ path }) => !digests.has(path));
  if (unknown.length === 0) return;
  progress.start(
    "hash",
    unknown.reduce((sum, { size }) => sum + size, 0),
  );
  const paths = unknown.map(({ path }) => path);
  const found = await runJob((onProgress) => addon.hashFiles(paths, onProgress), {
    signal,
    onProgress: progress.update,
  });
  await refuseChanged(unknown);
  for (const [at, { path }] of unknown.entries()) digests.set(path, found[at] ?? "");
  await writeCache(Object.fromEntries(unknown.map((file, at) => [cacheKey(file), found[at] ?? ""])));
}

/** The hub names large files in its cache by their sha256. */
async function blobDigest(path: string): Promise<string | undefined> {
  const real = await realpath(path).catch(() => path);
  return basename(dirname(real)) === "blobs" && /^[0-9a-f]{64}$/.test(basename(real)) ? basename(real) : undefined;
}

function cacheKey({ path, size, inode, mtimeNs }: StoredFile): string {
  return `${path}\n${size}\n${inode}\n${mtimeNs}`;
}

function cachePath(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "retemper", "digests.json");
}

async function readCache(): Promise<Readonly<Record<string, string>>> {
  try {
    const entries: unknown = JSON.parse(await readTextAtMost(cachePath(), { most: 2 ** 26, what: "digests" }));
    if (typeof entries !== "object" || entries === null) return {};
    const valid = Object.entries(entries).filter(([, digest]) => /^[0-9a-f]{64}$/.test(String(digest)));
    return Object.fromEntries(valid) as Record<string, string>;
  } catch {
    return {}; // no cache, or a broken one: it only saves time
  }
}

/** A cache that cannot be written is no reason to fail. */
async function writeCache(found: Readonly<Record<string, string>>): Promise<void> {
  const path = cachePath();
  try {
    await writeShared(path, `${JSON.stringify({ ...(await readCache()), ...found }, null, 1)}\n`);
  } catch {}
}
