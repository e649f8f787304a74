// Decides, before anything is read at length, whether a folder may be written: absent or empty, or to be replaced on request,
// and never on top of something that is read.

import type { BigIntStats } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { futurePath, isInside } from "./futurePath.js";
import { type OutputState, outputState } from "./outputState.js";
import { type Input, overlap, refuseOverlap } from "./refuseOverlap.js";

/** What an output is of. */
export interface OutputKind {
  /** For messages: "tuning". */
  readonly what: string;
  /** Whether a folder with these names in it is one of this kind; where it is given, `force` replaces no other. */
  readonly isOne?: ((names: readonly string[]) => boolean) | undefined;
  /** Names in the folder that do not count: what a run may leave that was killed before it had written anything. */
  readonly ignored?: readonly string[] | undefined;
  /** What helps where there is one already. */
  readonly hint: string;
}

/**
 * Refuses an output that exists (without `force`), or that is, contains or lies inside anything that is read.
 * @param inputs everything that is read
 * @throws RetemperError OUTPUT_EXISTS, which `force` lifts only for an output that nothing is read from; IO
 */
export async function checkPlace(
  out: string,
  inputs: readonly Input[],
  kind: OutputKind,
  force = false,
): Promise<OutputState> {
  const state = await outputState(out, kind.ignored);
  await refuseOverlap(out, inputs);
  if (state !== "exists") return state;
  if (!force) {
    throw new RetemperError("OUTPUT_EXISTS", `the output ${out} exists already`, { file: out, hint: kind.hint });
  }
  await refuseReplacement(out, inputs, kind);
  return state;
}

/** What `force` must not do: delete the user's own folders, what another program made, or bytes that an input shares. */
async function refuseReplacement(out: string, inputs: readonly Input[], { what, isOne }: OutputKind): Promise<void> {
  const never = (why: string) =>
    new RetemperError("OUTPUT_EXISTS", `the output ${out} ${why} and is never replaced`, {
      file: out,
      hint: "choose another output folder",
    });
  const place = await futurePath(out);
  for (const own of [homedir(), resolve(".")]) {
    const folder = await futurePath(own);
    if (folder === place || isInside(folder, place)) throw never(`holds ${folder}`);
  }
  const isFolder = (await lstat(out)).isDirectory();
  if (isOne && !(isFolder && isOne(await readdir(out)))) throw never(`is no ${what}'s`);
  const shared = await filesOf(inputs);
  const entries = isFolder ? await readdir(out, { recursive: true }) : [""];
  for (const entry of entries) {
    const path = join(out, entry);
    if (shared.has(await identity(path))) throw overlap(out, `holds ${path}, which is a file of an input`);
  }
}

/** The files that are inputs, or lie in a folder that is one, by device and inode: links and hard links are followed. */
async function filesOf(inputs: readonly Input[]): Promise<Set<string | undefined>> {
  const files = new Set<string | undefined>();
  for (const { path } of inputs) {
    const names = await readdir(path).catch(() => [""]); // no folder, or none that can be read: itself
    for (const name of names) files.add(await identity(join(path, name)));
  }
  files.delete(undefined);
  return files;
}

/** Undefined for what is no file. */
async function identity(path: string): Promise<string | undefined> {
  const stats: BigIntStats | undefined = await stat(path, { bigint: true }).catch(() => undefined);
  return stats?.isFile() ? `${stats.dev}:${stats.ino}` : undefined;
}
