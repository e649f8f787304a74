// Downloads one file of a data set on the hub into the cache: whole, checked against its digest, resumed where it broke.

import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RetemperError } from "../errors.js";
import { makeFolderFor } from "../output/makeFolderFor.js";
import { type BlobState, fetchBlob, stateOfBlob } from "./blob.js";
import { repositoryFolder } from "./cache.js";
import { DIGEST, fileUrl, nameOf, pageOf, type RepositoryName } from "./repository.js";
import { hubRequest, notCached } from "./request.js";
import type { HubSettings } from "./settings.js";
import { cachedCommit, checkPath, isCommit, linkBlob, writeRef } from "./snapshot.js";

export interface HubFile {
  /** A data set's id, "org/name". */
  readonly dataset: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Path in the repository. */
  readonly path: string;
}

export interface DownloadedFile {
  /** In the cache: a link in the commit's snapshot. */
  readonly file: string;
  readonly commit: string;
}

/**
 * The file in the cache, downloaded if it is not there, or is damaged. A branch's commit is asked for each time unless offline;
 * where the hub cannot be reached, the commit that the cache has stands in, with a note.
 * @throws RetemperError NETWORK, also offline for what the cache does not hold; BAD_INPUT for paths that lead out, and offline for
 *   a file that does not have its digest
 */
export async function downloadFile(wanted: HubFile, settings: HubSettings): Promise<DownloadedFile> {
  checkPath(wanted.path);
  const repository = repositoryFolder(settings.cache, "datasets", wanted.dataset);
  const there = await inCache(repository, wanted);
  const cached = there?.state === "whole" ? there.found : undefined;
  if (cached && (settings.offline || isCommit(wanted.revision))) return cached;
  if (settings.offline && there) {
    throw new RetemperError(
      "BAD_INPUT",
      "this file of the hub's cache does not hold what its name says: it is damaged",
      {
        file: await realpath(there.found.file),
        hint: `${settings.offlineBy.undo} once to download it again`,
      },
    );
  }
  const what = `${wanted.path} of the data set ${wanted.dataset} at ${wanted.revision}`;
  if (settings.offline) {
    throw new RetemperError(
      "NETWORK",
      `${what} is not in the cache ${settings.cache}, and ${settings.offlineBy.what}.`,
      {
        hint: `${settings.offlineBy.undo} once to download it, or give a local file`,
      },
    );
  }
  const name: RepositoryName = { kind: "datasets", id: wanted.dataset, revision: wanted.revision };
  let head: FileHead;
  try {
    head = await headOf(name, wanted.path, settings);
  } catch (error) {
    const gone = error instanceof RetemperError && error.reason === "unreachable";
    if (!gone) throw error;
    if (!cached) throw notCached(error, settings);
    settings.note(`${settings.endpoint.host} cannot be reached: using commit ${cached.commit} from the cache`);
    return cached;
  }
  const { url, digest, commit, bytes } = head;
  const blob = join(repository, "blobs", digest);
  await makeFolderFor(blob, dirname(blob));
  await fetchBlob({ path: blob, url, bytes, what, page: pageOf(name) }, settings);
  const file = join(repository, "snapshots", commit, wanted.path);
  await linkBlob(blob, file);
  if (wanted.revision !== commit) await writeRef(repository, wanted.revision, commit);
  return { file, commit };
}

export interface FileHead {
  readonly url: URL;
  readonly digest: string;
  readonly commit: string;
  readonly bytes: number | undefined;
}

/** What the hub says of a file before it is had. @throws RetemperError NETWORK */
export async function headOf(name: RepositoryName, path: string, settings: HubSettings): Promise<FileHead> {
  const url = fileUrl(name, path, settings);
  const what = `${path} of ${nameOf(name)}`;
  const head = await hubRequest(url, { method: "HEAD", what, page: pageOf(name), stopAtForeign: true }, settings);
  const digest = (head.headers.get("x-linked-etag") ?? head.headers.get("etag") ?? "").replace(/^W\/|"/g, "");
  const commit = head.headers.get("x-repo-commit") ?? "";
  if (DIGEST.test(digest) && isCommit(commit)) return { url, digest, commit, bytes: sizeOf(head) };
  throw new RetemperError("NETWORK", `${url.host} does not say what ${what} is (no digest or no commit).`, {
    hint: "HF_ENDPOINT must name a hub or a mirror that passes its headers on",
  });
}

async function inCache(
  repository: string,
  { revision, path }: HubFile,
): Promise<{ readonly found: DownloadedFile; readonly state: BlobState } | undefined> {
  const commit = await cachedCommit(repository, revision);
  if (commit === undefined) return undefined;
  const file = join(repository, "snapshots", commit, path);
  const blob = await realpath(file).catch(() => undefined);
  if (blob === undefined) return undefined;
  // A snapshot may hold the file itself (where links cannot be made): nothing says what its digest is.
  const named = DIGEST.test(basename(blob)) && basename(dirname(blob)) === "blobs";
  return { found: { file, commit }, state: named ? await stateOfBlob(blob) : "whole" };
}

/** The file's size as the hub tells it; undefined where it does not. */
function sizeOf({ headers, status }: Response): number | undefined {
  const own = status === 200 && !headers.has("content-encoding") ? headers.get("content-length") : null;
  const text = headers.get("x-linked-size") ?? own;
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}
