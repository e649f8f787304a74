// Decides, before anything is read at length, whether an output folder may be written: absent or empty, or to be
// replaced on request, and never on top of something that is read.

import type { BigIntStats } from "node:fs";
import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { hubCache } from "../checkpoint/locate.js";
import type { StoredFile } from "../checkpoint/types.js";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import type { OpenModels } from "./models.js";
import type { PlanOptions } from "./options.js";

/** What the merge reads: folders of models and adapters, their files, and the recipe's file. */
export interface MergeReads {
  readonly folders: readonly string[];
  readonly files: readonly StoredFile[];
  readonly recipeFile?: string | undefined;
  /** Folders in which nothing may be written: the hub cache. */
  readonly forbidden: readonly string[];
}

/** What the merge of a recipe on open models reads, and where it must not write. */
export function mergeReads(
  { checkpoints }: OpenModels,
  files: readonly StoredFile[],
  recipeFile: string | undefined,
  { transformersCache }: PlanOptions,
): MergeReads {
  const folders = [...checkpoints.values()].flatMap(({ folder, adapter }) => {
    return adapter ? [folder, adapter.folder] : [folder];
  });
  return { folders, files, recipeFile, forbidden: [hubCache({ cache: transformersCache })] };
}

/** The absolute path; a link to a folder is followed, so that the folder and not the link is replaced. */
export async function outputPath(out: string): Promise<string> {
  if (out === "" || out.includes("\0")) {
    throw new RetemperError("USAGE", `${JSON.stringify(out)} is no path of an output folder`);
  }
  return realpath(out).catch(() => resolve(out));
}

export type OutputState = "absent" | "empty" | "exists";

/** "empty" only for a folder: an empty folder counts as absent, an empty file does not. */
export async function outputState(out: string): Promise<OutputState> {
  try {
    const stats = await lstat(out);
    if (!stats.isDirectory()) return "exists";
    return (await readdir(out)).length === 0 ? "empty" : "exists";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "absent";
    throw ioError(error, out, "cannot look at the output folder");
  }
}

/**
 * Refuses an output that exists (without `force`), or that is, contains or lies inside anything that is read.
 * @throws RetemperError OUTPUT_EXISTS, which `force` lifts only for an output that nothing is read from.
 */
export async function checkOutput(out: string, reads: MergeReads, force: boolean): Promise<OutputState> {
  const state = await outputState(out);
  const place = await futureRealpath(out);
  await refuseOverlap(out, place, reads);
  if (state !== "exists") return state;
  if (!force) {
    throw new RetemperError("OUTPUT_EXISTS", `the output ${out} exists already`, {
      file: out,
      hint: "choose another folder, or --force to replace it once the new one is complete",
    });
  }
  await refuseReplacement(out, place, reads);
  return state;
}

async function refuseOverlap(out: string, place: string, reads: MergeReads): Promise<void> {
  const folders = await Promise.all(reads.folders.map(futureRealpath));
  const files = await Promise.all(reads.files.map(({ path }) => futureRealpath(path)));
  const recipe = reads.recipeFile === undefined ? [] : [await futureRealpath(reads.recipeFile)];
  const forbidden = await Promise.all(reads.forbidden.map(futureRealpath));
  for (const folder of folders) {
    if (folder === place) throw overlap(out, `is the input ${folder}`);
    if (isInside(place, folder)) throw overlap(out, `lies inside the input ${folder}`);
    if (isInside(folder, place)) throw overlap(out, `contains the input ${folder}`);
  }
  for (const file of [...files, ...recipe]) {
    if (file === place) throw overlap(out, `is the input ${file}`);
    if (isInside(file, place)) throw overlap(out, `contains the input ${file}`);
  }
  for (const cache of forbidden) {
    if (place === cache || isInside(place, cache)) throw overlap(out, `lies inside the hub cache ${cache}`);
    if (isInside(cache, place)) throw overlap(out, `contains the hub cache ${cache}`);
  }
}

/** What `force` must not do: delete a file that shares its bytes with an input, or the user's own folders. */
async function refuseReplacement(out: string, place: string, reads: MergeReads): Promise<void> {
  for (const own of [homedir(), resolve(".")]) {
    const folder = await futureRealpath(own);
    if (folder === place || isInside(folder, place)) {
      throw new RetemperError("OUTPUT_EXISTS", `the output ${out} holds ${folder} and is never replaced`, {
        file: out,
        hint: "choose another output folder",
      });
    }
  }
  const inputs = new Set<string>();
  for (const { path } of reads.files) {
    const stats = await statOrNothing(path);
    if (stats) inputs.add(identity(stats));
  }
  const entries = (await lstat(out)).isDirectory() ? await readdir(out, { recursive: true }) : [""];
  for (const entry of entries) {
    const path = join(out, entry);
    const stats = await statOrNothing(path);
    if (stats?.isFile() && inputs.has(identity(stats)))
      throw overlap(out, `holds ${path}, which is a file of an input`);
  }
}

function overlap(out: string, what: string): RetemperError {
  return new RetemperError("OUTPUT_EXISTS", `the output ${out} ${what}`, {
    file: out,
    hint: "choose a folder apart from everything that is read; --force does not lift this",
  });
}

/** The real path that `path` has or will have: links are followed as far as it exists. */
export async function futureRealpath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    return await realpath(absolute);
  } catch (error) {
    const parent = dirname(absolute);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === absolute) return absolute;
    return join(await futureRealpath(parent), basename(absolute));
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`);
}

function identity({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

async function statOrNothing(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch {
    return undefined;
  }
}
