// Makes small wheels for tests: zip archives as PKWARE's APPNOTE.TXT 4.3 describes them, and their entries in the table.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { type Wheel, wheelFile } from "../../../lib/setup/wheels.js";

export interface Member {
  readonly name: string;
  readonly data: Uint8Array | string;
  readonly stored?: boolean;
  readonly executable?: boolean;
}

export function makeZip(members: readonly Member[], comment = ""): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, stored, executable } of members) {
    const raw = Buffer.from(data);
    const packed = stored ? raw : deflateRawSync(raw);
    const common = Buffer.alloc(22); // what the local header and the directory's entry have alike, from the flags on
    common.writeUInt16LE(stored ? 0 : 8, 2);
    common.writeUInt32LE(crc32(raw), 8);
    common.writeUInt32LE(packed.length, 12);
    common.writeUInt32LE(raw.length, 16);
    common.writeUInt16LE(Buffer.byteLength(name), 20);
    const extra = Buffer.from([0x99, 0x99, 1, 0, 7]); // local headers may have an extra field that the directory lacks
    const local = Buffer.concat([
      words(0x04034b50),
      shorts(20),
      common,
      shorts(extra.length),
      Buffer.from(name),
      extra,
    ]);
    const mode = executable ? 0o100755 : 0o100644;
    directory.push(
      Buffer.concat([
        words(0x02014b50),
        shorts(0x0314, 20),
        common,
        shorts(0, 0, 0, 0),
        words(mode << 16),
        words(offset),
      ]),
      Buffer.from(name),
    );
    parts.push(local, packed);
    offset += local.length + packed.length;
  }
  const list = Buffer.concat(directory);
  const counts = shorts(0, 0, members.length, members.length);
  const end = [
    words(0x06054b50),
    counts,
    words(list.length),
    words(offset),
    shorts(comment.length),
    Buffer.from(comment),
  ];
  return Buffer.concat([...parts, list, ...end]);
}

function shorts(...values: number[]): Buffer {
  return Buffer.from(Uint16Array.from(values).buffer);
}

function words(value: number): Buffer {
  return Buffer.from(Uint32Array.of(value).buffer);
}

/** A wheel of these members, and its bytes; all of them are needed. */
export function makeWheel(project: string, members: readonly Member[]): { wheel: Wheel; bytes: Buffer } {
  const bytes = makeZip(members);
  const wheel = {
    project,
    version: "1.0",
    tag: "py3-none-any",
    bytes: bytes.length,
    unpacked: members.reduce((sum, { data }) => sum + Buffer.from(data).length, 0),
    sha256: createHash("sha256").update(bytes).digest("hex"),
    takes: [/./],
  };
  return { wheel, bytes };
}

/** Puts a wheel's file into a folder, as a download would. */
export function putWheel({ wheel, bytes }: { wheel: Wheel; bytes: Buffer }, folder: string): void {
  writeFileSync(join(folder, wheelFile(wheel)), bytes);
}
