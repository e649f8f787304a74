// One file of the hub's cache, named by its digest: downloaded whole by one run at a time, and never taken unseen.

import { createHash, type Hash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RetemperError } from "../errors.js";
import { ioError } from "../files/ioError.js";
import { makeFolder } from "../files/makeFolder.js";
import { writeAll } from "../files/writeAll.js";
import { type KernelLock, kernelLock } from "../output/tryLock.js";
import { waitFor } from "../output/waitFor.js";
import { chunksOf } from "./aborting.js";
import { partStart } from "./partStart.js";
import { hubRequest, unreachable } from "./request.js";
import type { HubSettings } from "./settings.js";
import { inTries } from "./tries.js";

export interface Blob {
  /** Where it belongs: `<repository>/blobs/<digest>`. */
  readonly path: string;
  readonly url: URL;
  /** Its size, where the hub says it. */
  readonly bytes: number | undefined;
  /** What it is, for messages. */
  readonly what: string;
  /** Where people see its repository, below the hub's address. */
  readonly page?: string | undefined;
  /** Called with how many of its bytes are here; less than before where it begins anew. */
  readonly onBytes?: ((here: number) => void) | undefined;
  /** Do not read a copy that is there and has the right size: only what comes is checked against its digest. */
  readonly trust?: boolean | undefined;
}

/** Whether a file of the cache holds what its name says. */
export type BlobState = "absent" | "whole" | "damaged";

/** Files that this process has found whole, by device, inode, size and times: not read again while these stay. */
const seen = new Set<string>();

/**
 * The state of a file that is named by its sha256, or by git's sha1 of a blob. It is read and digested once by each process: the
 * rows in it cost more than that, and other programs that write into the cache check sizes at most.
 * @param trust its size is enough, where that is known: what has a name here was checked before it got it
 */
export async function stateOfBlob(path: string, bytes?: number, trust = false): Promise<BlobState> {
  const handle = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw ioError(error, path, "cannot read");
  });
  if (!handle) return "absent";
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
    if (bytes !== undefined && size !== BigInt(bytes)) return "damaged";
    const key = [dev, ino, size, mtimeNs, ctimeNs].join(":");
    if (seen.has(key) || (trust && bytes !== undefined)) return "whole";
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
  if ((await stateOfBlob(blob.path, blob.bytes, blob.trust)) === "whole") return;
  const lock = await lockOf(blob, settings);
  try {
    const state = await stateOfBlob(blob.path, blob.bytes, blob.trust);
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
  let wrong = 0;
  const once = async () => {
    await fetchRest(blob, handle, settings);
    if ((await digestOf(handle, basename(path))) === basename(path)) {
      await handle.sync();
      await rename(part, path);
      finished = true;
      return { value: undefined };
    }
    await handle.truncate(0);
    blob.onBytes?.(0);
    wrong += 1;
    if (wrong === MOST_WRONG) throw wrongBytes(blob);
    return { problem: "what came does not have its digest" };
  };
  const attempt = () =>
    once().catch((error: NodeJS.ErrnoException) => {
      throw WRITES.has(error.syscall ?? "") ? ioError(error, part, "cannot write") : error;
    });
  const failure = (problem: string) => unreachable(`${what} could not be had from ${url.host}: ${problem}.`);
  try {
    await inTries(attempt, { host: url.host, next: "going on", failure }, settings);
  } finally {
    const { size } = await handle.stat();
    await handle.close();
    if (!finished && size === 0) await rm(part, { force: true });
    // What came so far is where the next run, also Python's, looks for it.
    else if (!finished) await rename(part, `${path}.incomplete`).catch(() => {});
  }
}

/** What came in the first place may have been left by another program; a second time it is the server's. */
const MOST_WRONG = 2;

function wrongBytes({ what, url }: Blob): RetemperError {
  return new RetemperError("NETWORK", `${url.host} sends other bytes than it says: ${what} does not have its digest.`, {
    hint: "a proxy or mirror on the way may change what it passes on; nothing of it was kept",
  });
}

const WRITES: ReadonlySet<string> = new Set(["write", "fsync", "ftruncate", "rename", "open"]);

/** Opens `part` with a copy of the most that an ended run left of the file. */
async function takeOver({ path, bytes = Number.POSITIVE_INFINITY }: Blob, part: string, alone: boolean) {
  const folder = dirname(path);
  const left: Part[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !name.endsWith(".incomplete")) continue;
    const file = join(folder, name);
    const { size = 0, mtimeMs = 0 } = (await stat(file).catch(() => undefined)) ?? {};
    left.push({ file, size: size > bytes ? 0 : size, mtimeMs });
  }
  const [most] = left.sort((a, b) => b.size - a.size);
  try {
    const taken = most !== undefined && most.size > 0 && (await takePart(most, part, alone));
    const handle = await open(part, taken ? "r+" : "wx+");
    if (alone) for (const { file } of left) await rm(file, { force: true });
    return handle;
  } catch (error) {
    await rm(part, { force: true });
    throw ioError(error, part, "cannot write");
  }
}

type Part = Readonly<Record<"size" | "mtimeMs", number>> & { readonly file: string };

/** Milliseconds after which a part that nothing was added to has no writer any more. */
const QUIET = 60_000;

/**
 * Gives what was left another name: a copy where its writer may be alive, which it may be without locks, and where they are not
 * kept (network file systems that grant every lock). A shard of gigabytes is not copied without that need.
 */
async function takePart({ file, mtimeMs }: Part, part: string, alone: boolean): Promise<boolean> {
  try {
    if (alone && Date.now() - mtimeMs > QUIET) await rename(file, part);
    else await copyFile(file, part, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Appends what is missing; begins anew where the server cannot go on. */
async function fetchRest(blob: Blob, handle: FileHandle, settings: HubSettings): Promise<void> {
  const { url, what, page, bytes, onBytes } = blob;
  const have = (await handle.stat()).size;
  onBytes?.(have);
  if (have > 0 && have === bytes) return; // its digest decides
  const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {};
  let response: Response;
  try {
    response = await hubRequest(url, { headers, what, page }, settings);
  } catch (error) {
    // 416: the part is as long as the file, or longer than it ever was; its digest decides
    if (have > 0 && error instanceof RetemperError && error.reason === "range") return;
    throw error;
  }
  const goesOn = response.status === 206 && partStart(response) === have;
  const expected = Number(response.headers.get("content-length") ?? Number.NaN);
  if (!goesOn) await handle.truncate(0);
  const start = goesOn ? have : 0;
  let got = 0;
  for await (const chunk of chunksOf(response, settings.signal)) {
    got += await writeAll(handle, chunk, start + got);
    if (bytes !== undefined && start + got > bytes) {
      await handle.truncate(0);
      throw new Error(`more than ${bytes} bytes came`);
    }
    onBytes?.(start + got);
  }
  const missing = bytes === undefined ? expected - got : bytes - start - got;
  if (missing > 0) throw new Error(`it ended ${missing} bytes too early`);
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
