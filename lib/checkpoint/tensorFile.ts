// Small safetensors files of float32 tensors that are in memory: adapters, and the state of a training.

import type { Addon } from "../addon/surface.js";
import { RetemperError } from "../errors.js";
import { readFile } from "./weights.js";

export interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The file's bytes, in parts: header, then each tensor by its name's order. */
export function encodeTensors(
  tensors: ReadonlyMap<string, FloatTensor>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Uint8Array[] {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const name of names) {
    const { shape, values } = tensors.get(name) as FloatTensor;
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(text, 8);
  return [
    padded,
    ...names.map((name) => {
      const { values } = tensors.get(name) as FloatTensor;
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    }),
  ];
}

/** Reads all tensors of a file as float32. Throws BAD_INPUT for another dtype than F32, F16 and BF16. */
export function readTensors(
  path: string,
  addon: Pick<Addon, "readHeader" | "readBytes">,
  widen: (bytes: Uint8Array, dtype: string) => Float32Array,
): Map<string, FloatTensor> {
  const found = new Map<string, FloatTensor>();
  for (const [name, { dtype, shape, offset, bytes }] of readFile(path, addon).tensors) {
    if (!["F32", "F16", "BF16"].includes(dtype)) {
      throw new RetemperError("BAD_INPUT", `is ${dtype}, not floating point`, { file: path, tensor: name });
    }
    found.set(name, { shape, values: widen(addon.readBytes(path, offset, offset + bytes), dtype) });
  }
  return found;
}
