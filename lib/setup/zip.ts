// Reads zip archives (wheels are such): the directory at the end, then single members, each streamed to a file.

import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";
import { RetemperError } from "../errors.js";
import { makeFolder } from "../files/makeFolder.js";
import { type ZipEntry, zipEntries } from "../files/zipEntries.js";

export interface ZipMember {
  readonly name: string;
  readonly deflated: boolean;
  readonly packed: number;
  readonly bytes: number;
  /** Of its data in the file. */
  readonly offset: number;
  readonly executable: boolean;
}

/**
 * The files of an archive, which have to be stored or deflated, without encryption, in one part.
 * @throws RetemperError BAD_INPUT where it is no such archive
 */
export async function zipMembers(archive: string): Promise<ZipMember[]> {
  const handle = await open(archive, "r");
  try {
    const { size } = await handle.stat();
    const read = (offset: number, length: number) => readAt(handle, archive, offset, length);
    const entries = await zipEntries({ size, read, broken: (what) => broken(archive, what) });
    return [...entries.values()].filter(({ name }) => !name.endsWith("/")).map((entry) => memberOf(entry, archive));
  } finally {
    await handle.close();
  }
}

function memberOf({ name, offset, stored, bytes, method, mode }: ZipEntry, archive: string): ZipMember {
  if (method !== 0 && method !== 8) throw broken(archive, `${name} is packed in an unknown way`);
  if (name.startsWith("/") || name.includes("\\") || name.split("/").includes("..")) {
    throw broken(archive, `${JSON.stringify(name)} lies outside of the archive`);
  }
  return { name, deflated: method === 8, packed: stored, bytes, offset, executable: (mode & 0o111) !== 0 };
}

/**
 * Writes one member to `folder`/its name, making the folders above it.
 * @param onBytes called with the bytes of each piece written
 * @throws RetemperError BAD_INPUT where the member is damaged; the signal's reason when it is aborted
 */
export async function extractMember(
  archive: string,
  member: ZipMember,
  folder: string,
  options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: ((bytes: number) => void) | undefined } = {},
): Promise<void> {
  const target = join(folder, member.name);
  await makeFolder(dirname(target));
  let written = 0;
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      written += chunk.length;
      options.onBytes?.(chunk.length);
      done(written > member.bytes ? broken(archive, `${member.name} is longer than it says`) : null, chunk);
    },
  });
  const mode = member.executable ? 0o755 : 0o644;
  const output = createWriteStream(target, { mode, flush: true });
  const start = member.offset;
  if (member.packed === 0) {
    await pipeline([], count, output);
  } else {
    const source = createReadStream(archive, { start, end: start + member.packed - 1, highWaterMark: 1 << 20 });
    const stages = member.deflated
      ? [source, createInflateRaw({ chunkSize: 1 << 20 }), count, output]
      : [source, count, output];
    try {
      await pipeline(stages, options.signal === undefined ? {} : { signal: options.signal });
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      const { code = "" } = error as NodeJS.ErrnoException;
      throw code.startsWith("Z_") ? broken(archive, `${member.name} is damaged`, error) : error;
    }
  }
  if (written !== member.bytes) throw broken(archive, `${member.name} is shorter than it says`);
}

async function readAt(handle: FileHandle, archive: string, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw broken(archive, "it is cut short");
  return buffer;
}

function broken(file: string, why: string, cause?: unknown): RetemperError {
  return new RetemperError("BAD_INPUT", `this is not a zip archive that can be read: ${why}`, {
    file,
    hint: "delete the file and set up again, so that it is downloaded anew",
    cause,
  });
}
