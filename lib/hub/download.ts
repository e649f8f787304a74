// Downloads one file of a data set on the hub into the cache: whole, checked against its digest, resumed where it broke.

import { readlink, realpath, rm, symlink } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { writeShared } from "../files/writeShared.js";
import { makeFolderFor } from "../output/makeFolderFor.js";
import { type BlobState, fetchBlob, stateOfBlob } from "./blob.js";
import { repositoryFolder } from "./cache.js";
import { hubRequest, notCached } from "./request.js";
import type { HubSettings } from "./settings.js";

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
  const url = fileUrl(wanted, settings);
  let head: Response;
  try {
    head = await hubRequest(url, { method: "HEAD", what, stopAtForeign: true }, settings);
  } catch (error) {
    const gone = error instanceof RetemperError && error.reason === "unreachable";
    if (!gone) throw error;
    if (!cached) throw notCached(error, settings);
    settings.note(`${settings.endpoint.host} cannot be reached: using commit ${cached.commit} from the cache`);
    return cached;
  }
  const etag = (head.headers.get("x-linked-etag") ?? head.headers.get("etag") ?? "").replace(/^W\/|"/g, "");
  const commit = head.headers.get("x-repo-commit") ?? "";
  if (!DIGEST.test(etag) || !isCommit(commit)) {
    throw new RetemperError("NETWORK", `${url.host} does not say what ${what} is (no digest or no commit).`, {
      hint: "HF_ENDPOINT must name a hub or a mirror that passes its headers on",
    });
  }
  const blob = join(repository, "blobs", etag);
  await makeFolderFor(blob, dirname(blob));
  await fetchBlob({ path: blob, url, bytes: sizeOf(head), what }, settings);
  const file = join(repository, "snapshots", commit, wanted.path);
  await link(blob, file);
  if (wanted.revision !== commit) await writeRef(repository, wanted.revision, commit);
  return { file, commit };
}

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

/** sha256, or git's sha1. */
const DIGEST = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

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

function fileUrl({ dataset, revision, path }: HubFile, { endpoint }: HubSettings): URL {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return new URL(`datasets/${dataset}/resolve/${encodeURIComponent(revision)}/${encoded}`, endpoint);
}

async function link(blob: string, file: string): Promise<void> {
  await makeFolderFor(file, dirname(file));
  const real = join(await realpath(dirname(file)), "x");
  const target = relative(dirname(real), await realpath(blob));
  if ((await readlink(file).catch(() => "")) === target) return;
  await rm(file, { force: true });
  await symlink(target, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw ioError(error, file, "cannot write"); // another run was faster
  });
}

async function writeRef(repository: string, revision: string, commit: string): Promise<void> {
  checkPath(revision);
  if ((await cachedCommit(repository, revision)) === commit) return; // the cache may be one that is only read
  const ref = join(repository, "refs", revision);
  await writeShared(ref, commit);
}
