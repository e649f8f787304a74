// Downloads one file of a data set on the hub into the cache: whole, checked against its digest, resumed where it broke.

import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readlink, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { repositoryFolder } from "./cache.js";
import { ATTEMPTS, connectionProblem, hubRequest, pauseFor, unreachable } from "./request.js";
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
 * The file in the cache, downloaded if it is not there. A branch's commit is asked for each time unless offline; where
 * the hub cannot be reached, the commit that the cache has stands in, with a note.
 * @throws RetemperError NETWORK, also offline for what the cache does not hold; BAD_INPUT for paths that lead out
 */
export async function downloadFile(wanted: HubFile, settings: HubSettings): Promise<DownloadedFile> {
  checkPath(wanted.path);
  const repository = repositoryFolder(settings.cache, "datasets", wanted.dataset);
  const cached = await inCache(repository, wanted);
  if (cached && (settings.offline || isCommit(wanted.revision))) return cached;
  const what = `${wanted.path} of the data set ${wanted.dataset} at ${wanted.revision}`;
  if (settings.offline) {
    throw new RetemperError("NETWORK", `${what} is not in the cache ${settings.cache}, and the hub is off limits.`, {
      hint: "unset HF_HUB_OFFLINE once to download it, or give a local file",
    });
  }
  const url = fileUrl(wanted, settings);
  let head: Response;
  try {
    head = await hubRequest(url, { method: "HEAD", what, stopAtForeign: true }, settings);
  } catch (error) {
    const gone = error instanceof RetemperError && error.reason === "unreachable";
    if (!gone || !cached) throw error;
    settings.note(`${settings.endpoint.host} cannot be reached: using commit ${cached.commit} from the cache`);
    return cached;
  }
  const etag = (head.headers.get("x-linked-etag") ?? head.headers.get("etag") ?? "").replace(/^W\/|"/g, "");
  const commit = head.headers.get("x-repo-commit") ?? "";
  if (!/^[0-9a-f]{40,64}$/.test(etag) || !isCommit(commit)) {
    throw new RetemperError("NETWORK", `${url.host} does not say what ${what} is (no digest or no commit).`, {
      hint: "HF_ENDPOINT must name a hub or a mirror that passes its headers on",
    });
  }
  const blob = join(repository, "blobs", etag);
  await mkdir(dirname(blob), { recursive: true });
  if (!(await exists(blob))) await fetchBlob(url, blob, etag, what, settings);
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

async function inCache(repository: string, { revision, path }: HubFile): Promise<DownloadedFile | undefined> {
  const commit = await cachedCommit(repository, revision);
  if (commit === undefined) return undefined;
  const file = join(repository, "snapshots", commit, path);
  return (await exists(file)) ? { file, commit } : undefined;
}

function fileUrl({ dataset, revision, path }: HubFile, { endpoint }: HubSettings): URL {
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return new URL(`datasets/${dataset}/resolve/${encodeURIComponent(revision)}/${encoded}`, endpoint);
}

async function fetchBlob(url: URL, blob: string, etag: string, what: string, settings: HubSettings): Promise<void> {
  const part = `${blob}.incomplete`;
  for (let attempt = 1; ; attempt++) {
    let problem: string;
    try {
      await fetchRest(url, part, what, settings);
      if ((await digestOf(part, etag)) === etag) {
        await rename(part, blob);
        return;
      }
      await rm(part, { force: true });
      problem = "what came does not have its digest";
    } catch (error) {
      settings.signal?.throwIfAborted();
      if (error instanceof RetemperError) throw error;
      if ((error as NodeJS.ErrnoException).syscall === "write") throw ioError(error, part, "cannot write");
      problem = connectionProblem(error);
    }
    if (attempt === ATTEMPTS) throw unreachable(`${what} could not be had from ${url.host}: ${problem}.`);
    settings.note(`${url.host}: ${problem}; going on`);
    await pauseFor(settings.retryDelayMs * 2 ** (attempt - 1), settings);
  }
}

/** Appends what is missing to `part`; begins anew where the server cannot go on. */
async function fetchRest(url: URL, part: string, what: string, settings: HubSettings): Promise<void> {
  const have = (await stat(part).catch(() => undefined))?.size ?? 0;
  const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
  let response: Response;
  try {
    response = await hubRequest(url, { headers, what }, settings);
  } catch (error) {
    // 416: the part is as long as the file, or longer than it ever was; its digest decides
    if (have > 0 && error instanceof RetemperError && error.reason === "range") return;
    throw error;
  }
  const begins = response.headers.get("content-range")?.match(/^bytes (\d+)-/)?.[1];
  const goesOn = response.status === 206 && Number(begins) === have;
  const expected = Number(response.headers.get("content-length") ?? Number.NaN);
  const handle = await open(part, goesOn ? "a" : "w");
  try {
    let got = 0;
    for await (const chunk of response.body ?? []) {
      await handle.write(chunk as Uint8Array);
      got += (chunk as Uint8Array).length;
    }
    if (Number.isFinite(expected) && got < expected) throw new Error(`ended after ${got} of ${expected} bytes`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The sha256, or git's sha1 of a blob, whichever the hub names files like `etag` by. */
async function digestOf(path: string, etag: string): Promise<string> {
  let hash: Hash;
  if (etag.length === 64) hash = createHash("sha256");
  else hash = createHash("sha1").update(`blob ${(await stat(path)).size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function link(blob: string, file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
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
  const ref = join(repository, "refs", revision);
  await mkdir(dirname(ref), { recursive: true });
  await writeFile(`${ref}.part`, commit);
  await rename(`${ref}.part`, ref);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
