// Pickles and archives made by hand, for tests of what reads them.

import { crc32 } from "node:zlib";

/** Pieces of a pickle: opcodes are single characters by their code. */
export function pickle(...parts: readonly (string | number | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) =>
      typeof part === "number" ? Buffer.of(part) : Buffer.isBuffer(part) ? part : Buffer.from(part, "latin1"),
    ),
  );
}

export const MARK = "(";
export const STOP = ".";
export const REDUCE = "R";
export const TUPLE = "t";
export const EMPTY_DICT = "}";
export const SETITEM = "s";

/** BINUNICODE */
export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from("X"), length, bytes]);
}

/** GLOBAL */
export function global(module: string, name: string): Buffer {
  return Buffer.from(`c${module}\n${name}\n`, "latin1");
}

/** BININT */
export function int(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.write("J");
  bytes.writeInt32LE(value, 1);
  return bytes;
}

export function tuple(...items: readonly (string | number | Buffer)[]): Buffer {
  return pickle(MARK, ...items, TUPLE);
}

/** ("storage", torch.FloatStorage, key, "cpu", count), with BINPERSID. */
export function storage(key: string, count: number, type = global("torch", "FloatStorage")): Buffer {
  return pickle(tuple(text("storage"), type, text(key), text("cpu"), int(count)), "Q");
}

/** A call of torch._utils._rebuild_tensor_v2. */
export function tensor(of: Buffer, offset: number, shape: readonly number[], strides: readonly number[]): Buffer {
  const hooks = pickle(global("collections", "OrderedDict"), ")", REDUCE);
  const args = tuple(of, int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), 0x89, hooks);
  return pickle(global("torch._utils", "_rebuild_tensor_v2"), args, REDUCE);
}

/** A dict of what is given, as a whole pickle. */
export function dict(entries: Readonly<Record<string, Buffer>>): Buffer {
  const items = Object.entries(entries).flatMap(([name, value]) => [text(name), value, SETITEM]);
  return pickle(0x80, 2, EMPTY_DICT, ...items, STOP);
}

export interface ZipFile {
  readonly name: string;
  readonly data: Buffer;
}

/** A zip archive of stored files; `change` may falsify its directory, and what it has at the end. */
export function zip(
  files: readonly ZipFile[],
  change: { readonly entry?: (entry: Buffer, at: number) => Buffer; readonly end?: (end: Buffer) => Buffer } = {},
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [i, { name, data }] of files.entries()) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt32LE(crc32(data), 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt32LE(crc32(data), 16);
    central.writeUInt32LE(data.length, 20);
    central.writeUInt32LE(data.length, 24);
    central.writeUInt16LE(Buffer.byteLength(name), 28);
    central.writeUInt32LE(offset, 42);
    const entry = Buffer.concat([central, Buffer.from(name)]);
    directory.push(change.entry?.(entry, i) ?? entry);
    parts.push(local, Buffer.from(name), data);
    offset += 30 + Buffer.byteLength(name) + data.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, listed, change.end?.(end) ?? end]);
}

/** Storages by key: their bytes, or how many float32 zeros they are. */
type Storages = Readonly<Record<string, number | Buffer>>;

function dataOf(storage: number | Buffer): Buffer {
  return typeof storage === "number" ? Buffer.alloc(4 * storage) : storage;
}

/** torch's archive around a pickle. */
export function torchZip(pickled: Buffer, storages: Storages = {}): Buffer {
  return zip([
    { name: "archive/data.pkl", data: pickled },
    { name: "archive/byteorder", data: Buffer.from("little") },
    ...Object.entries(storages).map(([key, one]) => ({ name: `archive/data/${key}`, data: dataOf(one) })),
    { name: "archive/version", data: Buffer.from("3\n") },
  ]);
}

/**
 * torch's format before 1.6 around a pickle.
 * @param width bytes of an element
 */
export function torchLegacy(pickled: Buffer, storages: Storages = {}, width = 4): Buffer {
  const magic = pickle(0x80, 2, 0x8a, 10, Buffer.from("6cfc9c46f9206aa85019", "hex"), STOP);
  const version = pickle(0x80, 2, "M", 0xe9, 0x03, STOP);
  const machine = pickle(0x80, 2, EMPTY_DICT, text("little_endian"), 0x88, SETITEM, STOP);
  const keys = pickle(0x80, 2, "]", ...Object.keys(storages).flatMap((key) => [text(key), "a"]), STOP);
  const data = Object.values(storages).flatMap((storage) => {
    const bytes = dataOf(storage);
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(bytes.length / width));
    return [count, bytes];
  });
  return Buffer.concat([magic, version, machine, pickled, keys, ...data]);
}
