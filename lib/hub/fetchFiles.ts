// Downloads some files of a repository into the cache, several at once: the whole of it, or what came stays for the next run.

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolderFor } from "../output/makeFolderFor.js";
import { requireSpace } from "../output/requireSpace.js";
import { Speed } from "../progress/speed.js";
import { atOnce } from "./atOnce.js";
import { fetchBlob } from "./blob.js";
import { repositoryFolder } from "./cache.js";
import { headOf } from "./download.js";
import { fileUrl, nameOf, pageOf, type RemoteFile, type Repository } from "./repository.js";
import type { HubSettings } from "./settings.js";
import { linkBlob } from "./snapshot.js";

/** Files at once: one connection alone does not fill a fast line, and large files are stored in one place each. */
const AT_ONCE = 8;
/** Milliseconds between two reports of progress. */
const INTERVAL = 200;

export interface DownloadProgress {
  readonly phase: "download";
  /** Bytes that are in the cache, and all that are needed. */
  readonly done: number;
  readonly total: number;
  /** 0 until it is known. */
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | undefined;
}

export interface FetchOptions {
  /** Read copies that are in the cache already, and download again what does not have its digest. */
  readonly verify?: boolean | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

type Named = RemoteFile & { readonly digest: string };

/** A file that is to be had, whose digest is known. */
interface Wanted {
  readonly file: Named;
  readonly repository: Repository;
  readonly blob: string;
  /** All paths that it has in its repository: files with the same bytes are one blob. */
  readonly paths: string[];
}

/** What is to be had of a repository. */
export interface Order {
  readonly repository: Repository;
  /** In the order in which they begin. */
  readonly files: readonly RemoteFile[];
}

/**
 * The bytes of some files, and how many of them are not in the cache yet. Sizes and digests that the listing did not have are asked for.
 * @throws RetemperError NETWORK
 */
export async function sizeUp(orders: readonly Order[], settings: HubSettings) {
  const wanted = new Map<string, Wanted>();
  for (const { repository, files } of orders) {
    const known = await Promise.all(files.map((file) => inFull(repository, file, settings)));
    for (const file of known) {
      const folder = repositoryFolder(settings.cache, repository.kind, repository.id);
      const blob = join(folder, "blobs", file.digest);
      const one = wanted.get(blob) ?? { file, repository, blob, paths: [] };
      one.paths.push(file.path);
      wanted.set(blob, one);
    }
  }
  let missing = 0;
  let all = 0;
  for (const [blob, { file }] of wanted) {
    const { bytes = 0 } = file;
    all += bytes;
    const here = await sizeOf(blob);
    // What a broken download left counts: it is gone on with, in its place.
    if (here !== bytes) missing += bytes - Math.min(bytes, await sizeOf(`${blob}.incomplete`));
  }
  return { wanted: [...wanted.values()], bytes: all, missing };
}

export type Sized = Awaited<ReturnType<typeof sizeUp>>;

/**
 * Downloads what is missing, checks each file against its digest, and gives it its name in its commit's snapshot. A failure or a
 * signal ends all of them; what is complete by then stays, and so does what came of the rest.
 * @throws RetemperError NO_SPACE before anything is downloaded; NETWORK, IO; the signal's reason
 */
export async function fetchFiles(sized: Sized, settings: HubSettings, options: FetchOptions = {}): Promise<void> {
  const { wanted, missing } = sized;
  if (missing > 0) {
    await requireSpace({
      file: settings.cache,
      needed: missing,
      what: "the download",
      hint: "free some space, or let HF_HUB_CACHE name a folder on another disk",
    });
  }
  const stop = new AbortController();
  const signal = settings.signal ? AbortSignal.any([settings.signal, stop.signal]) : stop.signal;
  const meter = new Meter(sized, options.onProgress);
  const fetchIt = (one: Wanted) => fetchOne(one, { ...settings, signal }, meter, options);
  // What fails first ends the others, which keep what they have.
  await atOnce(wanted, AT_ONCE, fetchIt, (error) => stop.abort(error));
  meter.end();
}

async function fetchOne(
  { file, repository, blob, paths }: Wanted,
  settings: HubSettings,
  meter: Meter,
  { verify = false }: FetchOptions,
): Promise<void> {
  const pinned = { ...repository, revision: repository.commit };
  const what = `${file.path} of ${nameOf(repository)}`;
  await makeFolderFor(blob, dirname(blob));
  const request = { path: blob, url: fileUrl(pinned, file.path, settings), page: pageOf(repository), what };
  await fetchBlob(
    { ...request, bytes: file.bytes, trust: !verify, onBytes: (here) => meter.here(blob, here) },
    settings,
  );
  if (file.bytes !== undefined) meter.here(blob, file.bytes);
  const folder = repositoryFolder(settings.cache, repository.kind, repository.id);
  for (const path of paths) await linkBlob(blob, join(folder, "snapshots", repository.commit, path));
}

async function inFull(repository: Repository, file: RemoteFile, settings: HubSettings): Promise<Named> {
  const { path, bytes, digest } = file;
  if (bytes !== undefined && digest !== undefined) return { path, bytes, digest };
  const head = await headOf({ ...repository, revision: repository.commit }, path, settings);
  return { path, bytes: bytes ?? head.bytes, digest: head.digest };
}

/** 0 where there is no such file. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Adds up what all files have, and tells it now and then. */
class Meter {
  readonly #total: number;
  readonly #listener: FetchOptions["onProgress"];
  readonly #here = new Map<string, number>();
  readonly #speed = new Speed({ first: 1, memory: 30 });
  #last = performance.now();
  #lastDone: number | undefined;

  constructor({ bytes }: Sized, listener: FetchOptions["onProgress"]) {
    this.#total = bytes;
    this.#listener = listener;
    this.#tell(0);
  }

  here(blob: string, bytes: number): void {
    const before = this.#here.get(blob);
    this.#here.set(blob, bytes);
    // What was here before the first byte came is no speed of the line.
    if (before === undefined && this.#lastDone !== undefined) this.#lastDone += bytes;
    const now = performance.now();
    if (now - this.#last < INTERVAL) return;
    const done = this.#done();
    this.#speed.add(Math.max(0, done - (this.#lastDone ?? 0)), (now - this.#last) / 1000);
    this.#last = now;
    this.#tell(done);
  }

  end(): void {
    this.#tell(this.#total);
  }

  #done(): number {
    let sum = 0;
    for (const bytes of this.#here.values()) sum += bytes;
    return sum;
  }

  #tell(done: number): void {
    this.#lastDone = done;
    const perSecond = this.#speed.perSecond;
    this.#listener?.({
      phase: "download",
      done,
      total: this.#total,
      bytesPerSecond: perSecond ?? 0,
      secondsLeft: perSecond === undefined ? undefined : Math.max(0, this.#total - done) / perSecond,
    });
  }
}
