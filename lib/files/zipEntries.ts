// The files of a zip archive, each as a place in it. The directory at the end is believed in nothing: every place is checked against
// the file, the local headers and the other entries.
//
// PKWARE, APPNOTE.TXT 6.3: 4.3.7 local header, 4.3.12 central directory, 4.3.14 to 4.3.16 its end (zip64 and plain), 4.5.3 zip64 sizes.

import type { RetemperError } from "../errors.js";

/** An archive: bytes [offset, offset + length) of it, which lie in it, and what is thrown where it is broken. */
export interface ZipArchive {
  readonly size: number;
  read(offset: number, length: number): Promise<Buffer>;
  broken(what: string): RetemperError;
}

export interface ZipEntry {
  readonly name: string;
  /** Of its bytes in the archive; with `stored`, as they are there. */
  readonly offset: number;
  readonly stored: number;
  /** Unpacked. */
  readonly bytes: number;
  /** 0: as it is; 8: deflated. */
  readonly method: number;
  /** Of Unix; 0 where it has none. */
  readonly mode: number;
}

interface DirectoryEntry extends Omit<ZipEntry, "offset"> {
  /** Where its local header is. */
  readonly header: number;
}

interface Directory {
  readonly offset: number;
  readonly bytes: number;
  readonly entries: number;
}

const END = 22;
const LOCATOR = 20;
const END_64 = 56;
const CENTRAL = 46;
const LOCAL = 30;
const LONGEST_COMMENT = 0xffff;
/** A directory of a million entries. */
const LONGEST_DIRECTORY = 128 * 2 ** 20;
const MOST_ENTRIES = 1_000_000;
/** Local headers that are read together: from afar each is a request. */
const AT_ONCE = 16;

/**
 * All entries by name.
 * @throws RetemperError BAD_INPUT for an archive that is broken, encrypted, or lies about where its files are
 */
export async function zipEntries(file: ZipArchive): Promise<ReadonlyMap<string, ZipEntry>> {
  const directory = await findDirectory(file);
  const listed = parseDirectory(await file.read(directory.offset, directory.bytes), directory, file);
  listed.sort((a, b) => a.header - b.header);
  const entries = new Map<string, ZipEntry>();
  const offsets: number[] = [];
  for (let from = 0; from < listed.length; from += AT_ONCE) {
    const some = listed.slice(from, from + AT_ONCE).map((entry) => dataOf(entry, directory.offset, file));
    offsets.push(...(await Promise.all(some)));
  }
  let end = 0;
  for (const [at, entry] of listed.entries()) {
    if (entry.header < end) throw file.broken(`the entry ${shown(entry.name)} overlaps the one before it`);
    const offset = offsets[at] as number;
    end = offset + entry.stored;
    if (end > directory.offset) throw file.broken(`the entry ${shown(entry.name)} leads beyond the archive's data`);
    if (entries.has(entry.name)) throw file.broken(`the entry ${shown(entry.name)} is there twice`);
    const { header: _, ...facts } = entry;
    entries.set(entry.name, { ...facts, offset });
  }
  return entries;
}

/** The end of the archive says where the directory is; nothing may follow it but its comment. */
async function findDirectory(file: ZipArchive): Promise<Directory> {
  const length = Math.min(file.size, END + LONGEST_COMMENT + LOCATOR);
  const tail = await file.read(file.size - length, length);
  let at = tail.length - END;
  while (at >= 0 && !(tail.readUInt32LE(at) === 0x06054b50 && tail.readUInt16LE(at + 20) === tail.length - at - END))
    at--;
  if (at < 0) throw file.broken("it has no end: it was probably cut off");
  const position = file.size - length + at;
  const plain = {
    disks: tail.readUInt16LE(at + 4) + tail.readUInt16LE(at + 6),
    entries: tail.readUInt16LE(at + 10),
    bytes: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  const has64 = at >= LOCATOR && tail.readUInt32LE(at - LOCATOR) === 0x07064b50;
  const { end, ...directory } = has64
    ? await readEnd64(Number(tail.readBigUInt64LE(at - LOCATOR + 8)), position - LOCATOR, file)
    : { ...plain, end: position };
  if (directory.disks !== 0) throw file.broken("it is in several parts");
  if (directory.offset + directory.bytes !== end) throw file.broken("its directory is not where its end says");
  if (directory.bytes > LONGEST_DIRECTORY || directory.entries > MOST_ENTRIES) {
    throw file.broken(`its directory of ${directory.entries} entries is larger than any checkpoint's`);
  }
  return directory;
}

async function readEnd64(at: number, locator: number, file: ZipArchive) {
  if (!(at >= 0 && at + END_64 <= locator)) throw file.broken("its zip64 end is not where its locator says");
  const end = await file.read(at, END_64);
  if (end.readUInt32LE(0) !== 0x06064b50) throw file.broken("its zip64 end is not where its locator says");
  return {
    disks: end.readUInt32LE(16) + end.readUInt32LE(20),
    entries: Number(end.readBigUInt64LE(32)),
    bytes: Number(end.readBigUInt64LE(40)),
    offset: Number(end.readBigUInt64LE(48)),
    end: at,
  };
}

function parseDirectory(bytes: Buffer, { entries }: Directory, file: ZipArchive): DirectoryEntry[] {
  const found: DirectoryEntry[] = [];
  let at = 0;
  for (let i = 0; i < entries; i++) {
    if (at + CENTRAL > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw file.broken(`its directory has no entry ${i + 1} of ${entries}`);
    }
    const nameLength = bytes.readUInt16LE(at + 28);
    const extraLength = bytes.readUInt16LE(at + 30);
    const next = at + CENTRAL + nameLength + extraLength + bytes.readUInt16LE(at + 32);
    if (next > bytes.length) throw file.broken("its directory is cut off");
    const name = bytes.toString("utf8", at + CENTRAL, at + CENTRAL + nameLength);
    if (bytes.readUInt16LE(at + 8) & 0x2041) throw file.broken(`the entry ${shown(name)} is encrypted`);
    const method = bytes.readUInt16LE(at + 10);
    const extra = bytes.subarray(at + CENTRAL + nameLength, at + CENTRAL + nameLength + extraLength);
    const sizes = {
      whole: bytes.readUInt32LE(at + 24),
      stored: bytes.readUInt32LE(at + 20),
      header: bytes.readUInt32LE(at + 42),
    };
    const { whole, stored, header } = withZip64(sizes, extra);
    if (
      (whole !== stored && method === 0) ||
      !Number.isSafeInteger(whole) ||
      !Number.isSafeInteger(stored) ||
      !Number.isSafeInteger(header)
    ) {
      throw file.broken(`the entry ${shown(name)} has sizes that do not fit together`);
    }
    found.push({ name, header, stored, bytes: whole, method, mode: bytes.readUInt16LE(at + 40) });
    at = next;
  }
  if (at !== bytes.length) throw file.broken("its directory has more entries than its end says");
  return found;
}

/** What is 2^32 - 1 stands in the extra field of zip64 (id 1), in this order. */
function withZip64(
  sizes: { whole: number; stored: number; header: number },
  extra: Buffer,
): { whole: number; stored: number; header: number } {
  const full = 0xffffffff;
  if (sizes.whole !== full && sizes.stored !== full && sizes.header !== full) return sizes;
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) !== 1 || at + 4 + length > extra.length) {
      at += 4 + length;
      continue;
    }
    let from = at + 4;
    const wide = (value: number) => {
      if (value !== full || from + 8 > at + 4 + length) return value;
      from += 8;
      return Number(extra.readBigUInt64LE(from - 8));
    };
    return { whole: wide(sizes.whole), stored: wide(sizes.stored), header: wide(sizes.header) };
  }
  return sizes;
}

/** Where the bytes of an entry begin: behind its local header, which must be of the same file. */
async function dataOf({ name, header }: DirectoryEntry, end: number, file: ZipArchive): Promise<number> {
  const elsewhere = () => file.broken(`the entry ${shown(name)} is not where the directory says`);
  if (header + LOCAL > end) throw elsewhere();
  const nameBytes = Buffer.byteLength(name);
  const local = await file.read(header, Math.min(LOCAL + nameBytes, end - header));
  const sameName = local.toString("utf8", LOCAL) === name && local.readUInt16LE(26) === nameBytes;
  if (local.readUInt32LE(0) !== 0x04034b50 || !sameName) throw elsewhere();
  return header + LOCAL + nameBytes + local.readUInt16LE(28);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 120));
}
