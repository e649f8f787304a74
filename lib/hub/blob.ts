// One file of the hub's cache, named by its digest: downloaded whole by one run at a time, and never taken unseen.

import { createHash, type Hash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { makeFolder } from "../files/makeFolder.js";
import { type KernelLock, kernelLock } from "../output/tryLock.js";
import { waitFor } from "../output/waitFor.js";
import { ATTEMPTS, connectionProblem, hubRequest, pauseFor, unreachable } from "./request.js";
import type { HubSettings } from "./settings.js";

export interface Blob {
  /** Where it belongs: `<repository>/blobs/<digest>`. */
  readonly path: string;
  readonly url: URL;
  /** Its size, where the hub says it. */
  readonly bytes: number | undefined;
  /** What it is, for messages. */
  readonly what: string;
}

/** Whether a file of the cache holds what its name says. */
export type BlobState = "absent" | "whole" | "damaged";

/** Files that this process has found whole, by device, inode, size and times: not read again while these stay. */
const seen = new Set<string>();

/**
 * The state of a file that is named by its sha256, or by git's sha1 of a blob. It is read and digested once by each process: the
 * rows in it cost more than that, and other programs that write into the cache check sizes at most.
 */
export async function stateOfBlob(path: string, bytes?: number): Promise<BlobState> {
  const handle = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw ioError(error, path, "cannot read");
  });
  if (!handle) return "absent";
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
    if (bytes !== undefined && size !== BigInt(bytes)) return "damaged";
    const key = [dev, ino, size, mtimeNs, ctimeNs].join(":");
    if (seen.has(key)) return "whole";
    if ((await digestOf(handle, basename(path))) !== basename(path)) return "damaged";
    seen.add(key);
    return "whole";
  } finally {
    await handle.close();
  }
}

/**
 * Downloads a file unless it is there and whole. Other runs, and Python's huggingface_hub, wait for the same lock; what they have
 * finished meanwhile is taken. Where there are no locks, each run downloads for itself.
 * @throws RetemperError NETWORK, IO, NO_SPACE; the signal's reason
 */
export async function fetchBlob(blob: Blob, settings: HubSettings): Promise<void> {
  if ((await stateOfBlob(blob.path, blob.bytes)) === "whole") return;
  const lock = await lockOf(blob, settings);
  try {
    const state = await stateOfBlob(blob.path, blob.bytes);
    if (state === "whole") return;
    if (state === "damaged") {
      settings.note(`the cache's copy of ${blob.what} is damaged: it is downloaded again`);
      await rm(blob.path, { force: true });
    }
    await download(blob, lock !== undefined, settings);
  } finally {
    lock?.releaseAndKeep(); // Python's waiting programs do not notice that a lock's file is gone
  }
}

/** The lock of huggingface_hub: `.locks/<folder of the repository>/<digest>.lock`. */
async function lockOf({ path, what }: Blob, settings: HubSettings): Promise<KernelLock | undefined> {
  const folder = join(settings.cache, ".locks", basename(dirname(dirname(path))));
  const file = join(folder, `${basename(path)}.lock`);
  try {
    await makeFolder(folder);
    return await waitFor(() => kernelLock(file), {
      signal: settings.signal,
      onWait: () => settings.note(`another run downloads ${what}: waiting for it`),
    });
  } catch (error) {
    settings.signal?.throwIfAborted();
    throw ioError(error, file, "cannot lock");
  }
}

/**
 * Writes to a file that no other run has open or knows the name of, through one descriptor, by which it is also checked. So what
 * got the final name is never written to again, locks or not.
 */
async function download(blob: Blob, alone: boolean, settings: HubSettings): Promise<void> {
  const { path, url, what } = blob;
  const part = `${path}.${randomBytes(4).toString("hex")}.incomplete`;
  const handle = await takeOver(blob, part, alone);
  let finished = false;
  try {
    for (let attempt = 1; ; attempt++) {
      let problem: string;
      try {
        await fetchRest(url, handle, what, settings);
        if ((await digestOf(handle, basename(path))) === basename(path)) {
          await handle.sync();
          await rename(part, path);
          finished = true;
          return;
        }
        await handle.truncate(0);
        problem = "what came does not have its digest";
      } catch (error) {
        settings.signal?.throwIfAborted();
        if (error instanceof RetemperError) throw error;
        if (WRITES.has((error as NodeJS.ErrnoException).syscall ?? "")) throw ioError(error, part, "cannot write");
        problem = connectionProblem(error);
      }
      if (attempt === ATTEMPTS) throw unreachable(`${what} could not be had from ${url.host}: ${problem}.`);
      settings.note(`${url.host}: ${problem}; going on`);
      await pauseFor(settings.retryDelayMs * 2 ** (attempt - 1), settings);
    }
  } finally {
    const { size } = await handle.stat();
    await handle.close();
    if (!finished && size === 0) await rm(part, { force: true });
    // What came so far is where the next run, also Python's, looks for it.
    else if (!finished) await rename(part, `${path}.incomplete`).catch(() => {});
  }
}

const WRITES: ReadonlySet<string> = new Set(["write", "fsync", "ftruncate", "rename", "open"]);

/** Opens `part` with a copy of the most that an ended run left of the file. */
async function takeOver({ path, bytes = Number.POSITIVE_INFINITY }: Blob, part: string, alone: boolean) {
  const folder = dirname(path);
  const left: { readonly file: string; readonly size: number }[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !name.endsWith(".incomplete")) continue;
    const file = join(folder, name);
    const size = (await stat(file).catch(() => undefined))?.size ?? 0;
    left.push({ file, size: size > bytes ? 0 : size });
  }
  const [most] = left.sort((a, b) => b.size - a.size);
  try {
    // A copy, and not the file itself: where locks are not kept, its writer may be alive.
    const copied =
      most !== undefined &&
      most.size > 0 &&
      (await copyFile(most.file, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === "ENOENT") return false;
          throw error;
        },
      ));
    const handle = await open(part, copied ? "r+" : "wx+");
    if (alone) for (const { file } of left) await rm(file, { force: true });
    return handle;
  } catch (error) {
    await rm(part, { force: true });
    throw ioError(error, part, "cannot write");
  }
}

/** Appends what is missing; begins anew where the server cannot go on. */
async function fetchRest(url: URL, handle: FileHandle, what: string, settings: HubSettings): Promise<void> {
  const have = (await handle.stat()).size;
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
  if (!goesOn) await handle.truncate(0);
  const start = goesOn ? have : 0;
  let got = 0;
  for await (const chunk of response.body ?? []) got += await writeAll(handle, chunk as Uint8Array, start + got);
  if (Number.isFinite(expected) && got < expected) throw new Error(`ended after ${got} of ${expected} bytes`);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  for (let at = 0; at < bytes.length; ) {
    at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
  return bytes.length;
}

/** The sha256, or git's sha1 of a blob, whichever the hub names files like `name` by. */
async function digestOf(handle: FileHandle, name: string): Promise<string> {
  let hash: Hash;
  if (name.length === 64) hash = createHash("sha256");
  else hash = createHash("sha1").update(`blob ${(await handle.stat()).size}\0`);
  const block = Buffer.allocUnsafe(2 ** 20);
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(block, 0, block.length, at);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(block.subarray(0, bytesRead));
    at += bytesRead;
  }
}
