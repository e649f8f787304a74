// Merges of an earlier choice stay in a run's folder: each has a file beside it that says so, where whoever ships it looks, until
// --prune removes it.

import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../files/exists.js";
import { ioError } from "../../files/ioError.js";
import { isMissing } from "../../files/isMissing.js";
import { writeWhole } from "../../files/writeWhole.js";
import { RECORD_FILE } from "../../merge/record.js";
import type { ExperimentResults } from "../../report/types.js";
import { notConfirmedFile } from "./markUnconfirmed.js";

/** Models that are there and not in the results: marked, or removed. Paths from the run's folder. */
export interface ObsoleteModels {
  readonly marked: readonly string[];
  readonly removed: readonly string[];
}

/** What says so, beside the model's folder. */
export function obsoleteFile(out: string, path: string): string {
  return join(out, `${path}.obsolete.md`);
}

/**
 * Whatever is no merge of ours is left alone.
 * @param outputs the models that the results name: a mark of theirs, from before, is taken away
 * @param prune removes them
 * @throws RetemperError IO, NO_SPACE
 */
export async function obsoleteModels(
  out: string,
  { outputs, ship }: Pick<ExperimentResults, "outputs" | "ship">,
  prune: boolean,
): Promise<ObsoleteModels> {
  const named = new Set([...outputs, ...(ship?.forms ?? [])].map(({ path }) => path));
  for (const path of named) await remove(obsoleteFile(out, path));
  const old = (await mergesIn(out)).filter((path) => !named.has(path));
  for (const path of old) {
    if (prune) await removeModel(out, path);
    else await writeWhole(obsoleteFile(out, path), textOf(path));
  }
  return prune ? { marked: [], removed: old } : { marked: old, removed: [] };
}

function textOf(path: string): string {
  return [
    "# Obsolete",
    "",
    `An earlier run in this folder chose ${path}. The results that are here now do not name it.`,
    "`retemper run` with `--prune` removes it.",
    "",
  ].join("\n");
}

/** In the order of their names. A link, such as models/chosen, is none. */
async function mergesIn(out: string): Promise<string[]> {
  const folder = join(out, "models");
  const names = await readdir(folder).catch((error) => {
    if (isMissing(error)) return [];
    throw ioError(error, folder, "cannot read");
  });
  const found: string[] = [];
  for (const name of names.filter((one) => !one.startsWith(".")).sort()) {
    const facts = await lstat(join(folder, name)).catch(() => undefined);
    if (facts?.isDirectory() && (await exists(join(folder, name, RECORD_FILE)))) found.push(join("models", name));
  }
  return found;
}

/** The record goes last: what a kill leaves is still known as a merge, and removed the next time. */
async function removeModel(out: string, path: string): Promise<void> {
  const folder = join(out, path);
  const names = await readdir(folder).catch((error) => {
    if (isMissing(error)) return []; // another process that works on this folder was faster
    throw ioError(error, folder, "cannot read");
  });
  for (const name of names.filter((one) => one !== RECORD_FILE)) await remove(join(folder, name));
  for (const place of [folder, obsoleteFile(out, path), notConfirmedFile(out, path)]) await remove(place);
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((error) => {
    throw ioError(error, path, "cannot remove");
  });
}
