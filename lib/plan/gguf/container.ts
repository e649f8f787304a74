// The bytes of a GGUF file before its tensors (version 3, little-endian): metadata, the list of tensors, and small
// tensors that are made from the configuration.
//
// Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

import { RetemperError } from "../../errors.js";

/** Where data sections and tensors begin: a multiple of this, the format's default. */
const ALIGNMENT = 32;

/** One entry of the metadata. Integers are written as u32, lists with the type of their elements. */
export type GgufEntry =
  | { readonly key: string; readonly type: "u32" | "i32" | "f32"; readonly value: number }
  | { readonly key: string; readonly type: "bool"; readonly value: boolean }
  | { readonly key: string; readonly type: "string"; readonly value: string }
  | { readonly key: string; readonly type: "strings"; readonly value: readonly string[] }
  | { readonly key: string; readonly type: "i32s"; readonly value: readonly number[] }
  | { readonly key: string; readonly type: "f32s"; readonly value: readonly number[] };

export interface GgufTensor {
  readonly name: string;
  /** As in safetensors; GGUF writes it in reverse. */
  readonly shape: readonly number[];
  /** GGUF's number of the type. */
  readonly type: number;
  readonly bytes: number;
}

/** A small float32 vector that the file holds beside the tensors of the model. */
export interface GgufVector {
  readonly name: string;
  readonly values: readonly number[];
}

export interface GgufLayout {
  /** Everything before the first tensor, the vectors included. */
  readonly header: Uint8Array;
  /** Absolute, one a tensor. */
  readonly offsets: readonly number[];
  /** Zero bytes after each tensor. */
  readonly paddings: readonly number[];
  readonly size: number;
}

const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;
const F32 = 0;

/** Lays a file out: vectors first, then the tensors in their order. */
export function layOutGguf(
  entries: readonly GgufEntry[],
  vectors: readonly GgufVector[],
  tensors: readonly GgufTensor[],
): GgufLayout {
  const out = new Bytes();
  out.raw(new TextEncoder().encode("GGUF"));
  out.u32(3);
  out.u64(vectors.length + tensors.length);
  out.u64(entries.length);
  for (const entry of entries) putEntry(out, entry);
  let at = 0;
  const places: number[] = [];
  const place = (name: string, shape: readonly number[], type: number, bytes: number) => {
    out.string(name);
    out.u32(shape.length);
    for (const extent of [...shape].reverse()) out.u64(extent);
    out.u32(type);
    out.u64(at);
    places.push(at);
    at += aligned(bytes);
  };
  for (const { name, values } of vectors) place(name, [values.length], F32, 4 * values.length);
  for (const { name, shape, type, bytes } of tensors) place(name, shape, type, bytes);
  out.pad(aligned(out.length));
  const start = out.length;
  for (const { values } of vectors) {
    for (const value of values) out.f32(value);
    out.pad(aligned(out.length));
  }
  return {
    header: out.bytes(),
    offsets: places.slice(vectors.length).map((offset) => start + offset),
    paddings: tensors.map(({ bytes }) => aligned(bytes) - bytes),
    size: start + at,
  };
}

function putEntry(out: Bytes, entry: GgufEntry): void {
  const { key } = entry;
  out.string(key);
  if (entry.type === "strings" || entry.type === "i32s" || entry.type === "f32s") {
    const each = entry.type === "strings" ? "string" : entry.type === "i32s" ? "i32" : "f32";
    out.u32(TYPES.array);
    out.u32(TYPES[each]);
    out.u64(entry.value.length);
    for (const item of entry.value) putValue(out, each, item);
    return;
  }
  const { type, value } = entry;
  if (type === "u32" && !(Number.isInteger(value) && value >= 0 && value <= 0xffffffff)) {
    throw new RetemperError("INCOMPATIBLE", `${key} is ${value}, which GGUF cannot hold: no whole number of 32 bits`, {
      hint: "check config.json of the model",
    });
  }
  out.u32(TYPES[type]);
  putValue(out, type, value);
}

function putValue(out: Bytes, type: Exclude<keyof typeof TYPES, "array">, value: number | boolean | string): void {
  if (typeof value === "string") out.string(value);
  else if (typeof value === "boolean") out.raw(Uint8Array.of(value ? 1 : 0));
  else if (type === "f32") out.f32(value);
  else if (type === "i32") out.i32(value);
  else out.u32(value);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Bytes that grow: vocabularies make megabytes of them. */
class Bytes {
  length = 0;
  private memory = new Uint8Array(1 << 16);
  private view = new DataView(this.memory.buffer);

  raw(bytes: Uint8Array): void {
    const at = this.take(bytes.length); // which may take other memory
    this.memory.set(bytes, at);
  }
  u32(value: number): void {
    const at = this.take(4);
    this.view.setUint32(at, value, true);
  }
  i32(value: number): void {
    const at = this.take(4);
    this.view.setInt32(at, value, true);
  }
  f32(value: number): void {
    const at = this.take(4);
    this.view.setFloat32(at, value, true);
  }
  u64(value: number): void {
    const at = this.take(8);
    this.view.setBigUint64(at, BigInt(value), true);
  }
  string(text: string): void {
    const bytes = Buffer.from(text, "utf8");
    this.u64(bytes.length);
    this.raw(bytes);
  }
  pad(length: number): void {
    this.take(length - this.length);
  }
  bytes(): Uint8Array {
    return this.memory.slice(0, this.length);
  }

  private take(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.memory.length) {
      const larger = new Uint8Array(Math.max(this.length, 2 * this.memory.length));
      larger.set(this.memory.subarray(0, at));
      this.memory = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}
