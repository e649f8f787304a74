// Which files a data set on the hub has.

import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { RetemperError } from "../errors.js";
import { repositoryFolder } from "./cache.js";
import { askRepository, nameOf } from "./repository.js";
import { notCached } from "./request.js";
import type { HubSettings } from "./settings.js";
import { cachedCommit } from "./snapshot.js";

export interface Listing {
  readonly commit: string;
  /** Paths in the repository. */
  readonly files: readonly string[];
}

/**
 * The files of a data set at a revision; offline, those that the cache holds.
 * @throws RetemperError NETWORK
 */
export async function listFiles(dataset: string, revision: string, settings: HubSettings): Promise<Listing> {
  const name = { kind: "datasets" as const, id: dataset, revision };
  const what = nameOf(name);
  const repository = repositoryFolder(settings.cache, "datasets", dataset);
  if (settings.offline) return listCached(repository, revision, what, settings, settings.offlineBy);
  try {
    const { commit, files } = await askRepository(name, settings);
    return { commit, files: files.map(({ path }) => path) };
  } catch (error) {
    const gone = error instanceof RetemperError && error.reason === "unreachable";
    if (!gone) throw error;
    const { host } = settings.endpoint;
    if ((await cachedCommit(repository, revision)) === undefined) throw notCached(error, settings);
    settings.note(`${host} cannot be reached: using the cache`);
    const why = { what: `${host} cannot be reached`, undo: "get a connection" };
    return listCached(repository, revision, what, settings, why);
  }
}

async function listCached(
  repository: string,
  revision: string,
  what: string,
  { cache }: HubSettings,
  why: HubSettings["offlineBy"],
): Promise<Listing> {
  const commit = await cachedCommit(repository, revision);
  const folder = commit && join(repository, "snapshots", commit);
  if (!folder || !(await stat(folder).catch(() => undefined))) {
    throw new RetemperError("NETWORK", `${what} is not in the cache ${cache}, and ${why.what}.`, {
      hint: `${why.undo} once to download it, or give a local file`,
    });
  }
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join("/"),
    );
  return { commit, files: files.sort() };
}
