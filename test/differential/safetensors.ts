// Writes small safetensors files and headers for the tests, with the layout under the test's control.

import { writeFileSync } from "node:fs";
import type { Dtype } from "../../lib/addon/dtype.js";
import { DTYPE_BYTES } from "./dtypes.js";

export interface Layout {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface Header {
  /** The 8-byte length, the JSON and its padding. */
  readonly bytes: Uint8Array;
  /** Absolute offset of each tensor, and the size of the whole file. */
  readonly offsets: readonly number[];
  readonly size: number;
}

export function byteLength({ dtype, shape }: Pick<Layout, "dtype" | "shape">): number {
  return shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
}

/** A header for the tensors one after the other; the data section begins at a multiple of `align`, plus `shift`. */
export function makeHeader(tensors: readonly Layout[], align: number, shift = 0): Header {
  const begins: number[] = [];
  let end = 0;
  const entries: [string, unknown][] = [["__metadata__", { format: "pt" }]];
  for (const tensor of tensors) {
    begins.push(end);
    end += byteLength(tensor);
    entries.push([tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begins.at(-1), end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const dataOffset = Math.ceil((8 + json.length) / align) * align + shift;
  const bytes = new Uint8Array(dataOffset).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataOffset - 8), true);
  bytes.set(json, 8);
  return { bytes, offsets: begins.map((begin) => dataOffset + begin), size: dataOffset + end };
}

/** Writes the file and answers where each tensor lies. */
export function writeSafetensors(
  path: string,
  tensors: readonly (Layout & { readonly bytes: Uint8Array })[],
  align: number,
  shift: number,
): Header {
  const header = makeHeader(tensors, align, shift);
  const file = new Uint8Array(header.size);
  file.set(header.bytes);
  for (const [k, { bytes }] of tensors.entries()) file.set(bytes, header.offsets[k]);
  writeFileSync(path, file);
  return header;
}
