// The header of one GGUF file (version 2 and 3): metadata and where tensors lie. Written for files that someone else made:
// everything is checked before any number is used, and what the format forbids is refused as llama.cpp refuses it.
//
// Format: docs/gguf.md of ggml.

import type { StoredFile } from "../../types.js";
import { GGUF_TYPES, type GgufType } from "./blockFormats.js";
import type { GgufMetadata, GgufValue } from "./families/types.js";
import { HeaderBytes } from "./headerBytes.js";

export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** As other formats have it: the stored rows are along the last dimension. */
  readonly shape: readonly number[];
  /** Absolute in the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly file: StoredFile;
  readonly metadata: GgufMetadata;
  readonly tensors: readonly GgufTensor[];
}

const MAGIC = 0x46554747; // "GGUF"
const MOST_NAME = 64;
const MOST_KEY = 65_535;
const MOST_TEXT = 64 << 20;
const MOST_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;

/** Types that are known and not read, for messages. */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  ...{ 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S" },
  ...{ 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 29: "IQ1_M" },
  ...{ 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4" },
};
const TYPES = new Map(GGUF_TYPES.map((type) => [type.id, type]));

/**
 * Reads the header of a file.
 * @param known how many of its bytes are here, of a file that is somewhere else; HeaderGoesOn is thrown where these are too few
 * @throws RetemperError BAD_INPUT for what is no GGUF file, is cut, or breaks a rule of the format, with the tensor or the
 * key; IO
 */
export function readGgufHeader(path: string, known?: number): GgufHeader {
  const read = (bytes: HeaderBytes): GgufHeader => {
    checkVersion(bytes);
    const tensors = bytes.count(24, "tensors");
    const keys = bytes.count(13, "keys");
    const metadata = readMetadata(bytes, keys);
    return { file: bytes.file, metadata, tensors: readTensors(bytes, tensors, metadata) };
  };
  return HeaderBytes.read(path, read, known);
}

function checkVersion(bytes: HeaderBytes): void {
  if (bytes.left < 4 || bytes.u32() !== MAGIC)
    throw bytes.fault("this is not a GGUF file: it does not begin with GGUF");
  const version = bytes.u32();
  if (version === 2 || version === 3) return;
  const turned = (version & 0xffff) === 0;
  throw bytes.fault(
    turned ? "the file is big-endian, which is not read" : `GGUF version ${version} is not read; 2 and 3 are`,
  );
}

function readMetadata(bytes: HeaderBytes, count: number): GgufMetadata {
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = bytes.text(MOST_KEY, "a key");
    if (metadata.has(key)) throw bytes.fault(`the key ${JSON.stringify(key)} is there twice`);
    metadata.set(key, readValue(bytes, key, bytes.u32()));
  }
  return metadata;
}

const small = (value: bigint) => {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
};

/** Scalars by the number of their type, with their size. */
const SCALARS: ReadonlyMap<number, readonly [size: number, read: (bytes: HeaderBytes, key: string) => GgufValue]> =
  new Map([
    [0, [1, (bytes) => bytes.u8()]],
    [1, [1, (bytes) => bytes.i8()]],
    [2, [2, (bytes) => bytes.u16()]],
    [3, [2, (bytes) => bytes.i16()]],
    [4, [4, (bytes) => bytes.u32()]],
    [5, [4, (bytes) => bytes.i32()]],
    [6, [4, (bytes) => bytes.f32()]],
    [7, [1, readFlag]],
    [8, [8, (bytes, key) => bytes.text(MOST_TEXT, `the text of ${key}`)]],
    [10, [8, (bytes) => small(bytes.u64())]],
    [11, [8, (bytes) => small(bytes.i64())]],
    [12, [8, (bytes) => bytes.f64()]],
  ]);
const LIST = 9;

function readFlag(bytes: HeaderBytes, key: string): boolean {
  const value = bytes.u8();
  if (value > 1) throw bytes.fault(`the flag ${key} is ${value}, neither 0 nor 1`);
  return value === 1;
}

function readValue(bytes: HeaderBytes, key: string, type: number): GgufValue {
  const scalar = SCALARS.get(type);
  if (scalar) return scalar[1](bytes, key);
  if (type !== LIST) throw bytes.fault(`the key ${key} is of type ${type}, which the format does not have`);
  const inner = bytes.u32();
  const element = SCALARS.get(inner);
  if (!element) throw bytes.fault(`the list ${key} is of elements of type ${inner}, which the format does not have`);
  const [size, read] = element;
  const count = bytes.count(size, `elements of ${key}`);
  if (inner === 6) return new Float32Array(bytes.copy(4 * count).buffer);
  if (inner === 5) return new Int32Array(bytes.copy(4 * count).buffer);
  const list: GgufValue[] = [];
  for (let i = 0; i < count; i++) list.push(read(bytes, key));
  return list;
}

interface Info {
  readonly name: string;
  readonly type: GgufType;
  readonly shape: readonly number[];
  readonly offset: bigint;
  readonly bytes: number;
}

function readTensors(bytes: HeaderBytes, count: number, metadata: GgufMetadata): readonly GgufTensor[] {
  const infos: Info[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    const info = readInfo(bytes);
    if (names.has(info.name)) throw bytes.fault("the tensor is there twice", info.name);
    names.add(info.name);
    infos.push(info);
  }
  const alignment = alignmentOf(bytes, metadata);
  const padded = (at: number) => Math.ceil(at / alignment) * alignment;
  const start = padded(bytes.at);
  let end = 0;
  const tensors = infos.map(({ offset, ...info }) => {
    // llama.cpp, too, takes no other place: so tensors neither overlap nor leave gaps.
    if (offset !== BigInt(padded(end))) {
      throw bytes.fault(`its offset is ${offset}; after the tensor before it comes ${padded(end)}`, info.name);
    }
    end = padded(end) + info.bytes;
    if (start + end > bytes.file.size) {
      throw bytes.fault(`the file is cut: it ends before the tensor does, which needs ${start + end} bytes`, info.name);
    }
    return { ...info, offset: start + Number(offset) };
  });
  const most = infos.length === 0 ? Math.max(start, bytes.at) : start + padded(end);
  if (bytes.file.size > most) {
    throw bytes.fault(`there are ${bytes.file.size - most} bytes after the last tensor`);
  }
  return tensors;
}

function readInfo(bytes: HeaderBytes): Info {
  const name = bytes.text(MOST_NAME, "the name of a tensor");
  const dimensions = bytes.u32();
  if (dimensions > MOST_DIMENSIONS) {
    throw bytes.fault(`it has ${dimensions} dimensions; the format has at most ${MOST_DIMENSIONS}`, name);
  }
  const sizes: bigint[] = [];
  for (let d = 0; d < dimensions; d++) sizes.push(bytes.u64());
  const id = bytes.u32();
  const offset = bytes.u64();
  const type = TYPES.get(id);
  if (!type) {
    const known = [...TYPES.values()].map((one) => one.name).join(", ");
    throw bytes.fault(`its type is ${OTHER_TYPES[id] ?? id}; read are ${known}`, name);
  }
  const elements = sizes.reduce((product, size) => product * size, 1n);
  if (elements > BigInt(Number.MAX_SAFE_INTEGER) || sizes.some((size) => size > BigInt(Number.MAX_SAFE_INTEGER))) {
    throw bytes.fault(`its shape, ${sizes.join(" x ")}, is larger than any file`, name);
  }
  const row = sizes[0] ?? 1n;
  if (row % BigInt(type.elements) !== 0n) {
    throw bytes.fault(
      `its rows have ${row} elements, which are no whole blocks of ${type.elements} (${type.name})`,
      name,
    );
  }
  const stored = (elements / BigInt(type.elements)) * BigInt(type.bytes);
  if (stored > BigInt(Number.MAX_SAFE_INTEGER)) throw bytes.fault("it is larger than any file", name);
  return { name, type, shape: sizes.map(Number).reverse(), offset, bytes: Number(stored) };
}

function alignmentOf(bytes: HeaderBytes, metadata: GgufMetadata): number {
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (typeof alignment === "number" && alignment >= 1 && Number.isInteger(Math.log2(alignment))) return alignment;
  throw bytes.fault(`general.alignment is ${String(alignment)}, not a power of two`);
}
