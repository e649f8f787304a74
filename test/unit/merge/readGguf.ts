// A parser of GGUF files for tests, straight from the format's document: what tests read, the code under test did not.

import { readFileSync } from "node:fs";

/** Elements and bytes of a block, by the type's number. */
const BLOCKS: Readonly<Record<number, readonly [number, number]>> = {
  ...{ 0: [1, 4], 1: [1, 2], 30: [1, 2], 8: [32, 34], 2: [32, 18], 3: [32, 20], 6: [32, 22], 7: [32, 24] },
  ...{ 12: [256, 144], 13: [256, 176], 14: [256, 210] },
};

const NAMES: Readonly<Record<number, string>> = { 4: "UINT32", 5: "INT32", 6: "FLOAT32", 7: "BOOL", 8: "STRING" };

interface StoredGgufTensor {
  /** As stored: fastest first. */
  readonly shape: readonly number[];
  readonly type: number;
  /** Absolute. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, unknown>;
  /** The type of each entry by the format's name; of a list "ARRAY " and the type of its elements. */
  readonly kinds: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredGgufTensor>;
  /** The values of a float32 tensor. */
  floats(name: string): Float32Array;
  readonly bytes: Buffer;
}

export function readGguf(path: string): GgufFile {
  const bytes = readFileSync(path);
  let at = 4;
  const take = (length: number) => {
    at += length;
    return at - length;
  };
  const u32 = () => bytes.readUInt32LE(take(4));
  const u64 = () => Number(bytes.readBigUInt64LE(take(8)));
  const text = () => {
    const length = u64();
    return bytes.subarray(take(length), at).toString();
  };
  const value = (type: number): unknown => {
    if (type === 4) return u32();
    if (type === 5) return bytes.readInt32LE(take(4));
    if (type === 6) return bytes.readFloatLE(take(4));
    if (type === 7) return bytes.readUInt8(take(1)) === 1;
    if (type === 8) return text();
    if (type !== 9) throw new Error(`the type ${type} is not read here`);
    const inner = u32();
    return Array.from({ length: u64() }, () => value(inner));
  };
  const kinds = new Map<string, string>();
  const entry = () => {
    const [key, type] = [text(), u32()];
    const inner = type === 9 ? bytes.readUInt32LE(at) : type;
    kinds.set(key, `${type === 9 ? "ARRAY " : ""}${NAMES[inner]}`);
    return [key, value(type)] as const;
  };
  if (bytes.subarray(0, 4).toString() !== "GGUF" || u32() !== 3) throw new Error("no GGUF file of version 3");
  const [count, entries] = [u64(), u64()];
  const metadata = new Map(Array.from({ length: entries }, entry));
  const list = Array.from({ length: count }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64);
    const type = u32();
    const [elements, size] = BLOCKS[type] ?? [1, Number.NaN];
    const bytes = (shape.reduce((product, extent) => product * extent, 1) / elements) * size;
    return [name, { shape, type, offset: u64(), bytes }] as const;
  });
  const start = Math.ceil(at / 32) * 32;
  const tensors = new Map(list.map(([name, one]) => [name, { ...one, offset: start + one.offset }]));
  return {
    metadata,
    kinds,
    tensors,
    bytes,
    floats(name) {
      const tensor = tensors.get(name);
      if (tensor?.type !== 0) throw new Error(`${name} is no float32 tensor`);
      const at = bytes.byteOffset + tensor.offset;
      return new Float32Array(bytes.buffer.slice(at, at + tensor.bytes));
    },
  };
}
