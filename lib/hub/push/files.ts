// The files of a push: where their bytes are, and which digests the hub names them by.

import { createHash } from "node:crypto";
import { open, readFile, stat } from "node:fs/promises";
import { runJob } from "../../addon/job.js";
import { loadAddon } from "../../addon/load.js";
import { RetemperError } from "../../errors.js";
import { ioError } from "../../files/ioError.js";

export interface PushFile {
  /** In the repository. */
  readonly path: string;
  readonly bytes: number;
  /** A file of this machine, or what is sent under that name. */
  readonly source: string | Buffer;
  /** Only where the repository has nothing of that name. */
  readonly unlessThere?: boolean;
}

/** What must stay while a file is pushed: device, inode, size and times. */
export type Identity = string;

/** @throws RetemperError BAD_INPUT, IO */
export async function identityOf({ source, bytes }: PushFile): Promise<Identity> {
  if (typeof source !== "string") return "in memory";
  const facts = await stat(source, { bigint: true }).catch((error: unknown) => {
    throw ioError(error, source, "cannot read");
  });
  if (facts.size !== BigInt(bytes)) throw changed(source);
  return [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(":");
}

export function changed(file: string): RetemperError {
  return new RetemperError("BAD_INPUT", "this file changed while it was pushed: nothing of it was committed", {
    file,
    hint: "push again once it stays as it is",
  });
}

/** The first bytes, by which the hub decides how a file is kept. */
export async function sampleOf({ source }: PushFile, bytes: number): Promise<Buffer> {
  if (typeof source !== "string") return source.subarray(0, bytes);
  const handle = await open(source).catch((error: unknown) => {
    throw ioError(error, source, "cannot read");
  });
  try {
    const block = Buffer.alloc(bytes);
    const { bytesRead } = await handle.read(block, 0, bytes, 0);
    return block.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** All bytes: of files that are sent within a commit, which are small. */
export async function contentOf({ source }: PushFile): Promise<Buffer> {
  if (typeof source !== "string") return source;
  return readFile(source).catch((error: unknown) => {
    throw ioError(error, source, "cannot read");
  });
}

/** git's name of a small file. */
export function gitName(content: Buffer): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

/** sha256 of large files, in their order. */
export async function digestsOf(
  files: readonly PushFile[],
  signal: AbortSignal | undefined,
  onProgress: (progress: { readonly done: number; readonly total: number }) => void,
): Promise<string[]> {
  const paths = files.flatMap(({ source }) => (typeof source === "string" ? [source] : []));
  const found =
    paths.length === 0 ? [] : await runJob((report) => loadAddon().hashFiles(paths, report), { signal, onProgress });
  let at = 0;
  return files.map(({ source }) => {
    if (typeof source === "string") return found[at++] ?? "";
    return createHash("sha256").update(source).digest("hex");
  });
}
