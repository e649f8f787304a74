// Reads zip archives (wheels are such): the directory at the end, then single members, each streamed to a file.

import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";
import { RetemperError } from "../errors.js";
import { makeFolder } from "../files/makeFolder.js";

export interface ZipMember {
  readonly name: string;
  readonly deflated: boolean;
  readonly packed: number;
  readonly bytes: number;
  /** Of its local header in the file. */
  readonly offset: number;
  readonly executable: boolean;
}

const DIRECTORY_END = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const LONGEST_COMMENT = 0xffff;

/**
 * The files of an archive. Format: PKWARE's APPNOTE.TXT 4.3; without encryption, parts or the 64-bit extension, which
 * wheels under 4 GiB do not have.
 * @throws RetemperError BAD_INPUT where it is no such archive
 */
export async function zipMembers(archive: string): Promise<ZipMember[]> {
  const handle = await open(archive, "r");
  try {
    const { size } = await handle.stat();
    const tail = await readAt(
      handle,
      archive,
      Math.max(0, size - 22 - LONGEST_COMMENT),
      Math.min(size, 22 + LONGEST_COMMENT),
    );
    const end = findEnd(tail);
    if (end === undefined) throw broken(archive, "it has no directory at its end");
    const [count, length, offset] = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)];
    if (offset === 0xffffffff || count === 0xffff) throw broken(archive, "it uses the 64-bit extension");
    if (offset + length > size) throw broken(archive, "its directory lies outside the file");
    return [...membersOf(await readAt(handle, archive, offset, length), archive, count)];
  } finally {
    await handle.close();
  }
}

function findEnd(tail: Buffer): Buffer | undefined {
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) === DIRECTORY_END && at + 22 + tail.readUInt16LE(at + 20) === tail.length) {
      return tail.subarray(at);
    }
  }
  return undefined;
}

function* membersOf(directory: Buffer, archive: string, count: number): Generator<ZipMember> {
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== DIRECTORY_ENTRY) {
      throw broken(archive, "its directory is damaged");
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      directory.readUInt16LE(at + field),
    ) as [number, number, number];
    const name = directory.toString("utf8", at + 46, at + 46 + nameLength);
    const [flags, method] = [directory.readUInt16LE(at + 8), directory.readUInt16LE(at + 10)];
    const [packed, bytes, offset] = [20, 24, 42].map((field) => directory.readUInt32LE(at + field)) as [
      number,
      number,
      number,
    ];
    const mode = directory.readUInt16LE(at + 40);
    at += 46 + nameLength + extraLength + commentLength;
    if (name.endsWith("/")) continue;
    if (flags & 1 || (method !== 0 && method !== 8)) throw broken(archive, `${name} is packed in an unknown way`);
    if (packed === 0xffffffff || bytes === 0xffffffff || offset === 0xffffffff) {
      throw broken(archive, "it uses the 64-bit extension");
    }
    if (name.startsWith("/") || name.includes("\\") || name.split("/").includes("..")) {
      throw broken(archive, `${JSON.stringify(name)} lies outside of the archive`);
    }
    yield { name, deflated: method === 8, packed, bytes, offset, executable: (mode & 0o111) !== 0 };
  }
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
  const start = await dataOffset(archive, member);
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

/** A member's data follows its own header, whose name and extra field may be longer than the directory's. */
async function dataOffset(archive: string, member: ZipMember): Promise<number> {
  const handle = await open(archive, "r");
  try {
    const header = await readAt(handle, archive, member.offset, 30);
    if (header.readUInt32LE(0) !== LOCAL_HEADER) throw broken(archive, `${member.name} is not where it should be`);
    return member.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await handle.close();
  }
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
