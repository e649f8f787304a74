// Lengths of the rows of stored matrices, which DoRA's magnitudes begin with: read piece by piece.

import type { Addon } from "../../addon/surface.js";
import type { StoredFile } from "../../checkpoint/types.js";
import { widen } from "../../nn/engines/reference/widen.js";
import type { LinearModule } from "./modules.js";

/** Bytes that are read at once, about. */
const PIECE = 1 << 24;

/** The Euclidean norm of the weights of each output. */
export function rowNorms(
  { matrix, in: inputs, out, layout }: LinearModule,
  files: readonly StoredFile[],
  addon: Pick<Addon, "readBytes">,
): Float32Array {
  const { stored } = matrix.weight;
  const [rows, width] = layout === "out-in" ? [out, inputs] : [inputs, out];
  const rowBytes = stored.bytes / rows;
  const step = Math.max(1, Math.floor(PIECE / rowBytes));
  const squares = new Float64Array(out);
  for (let begin = 0; begin < rows; begin += step) {
    const end = Math.min(rows, begin + step);
    const { path } = files[stored.file] as StoredFile;
    const bytes = addon.readBytes(path, stored.offset + begin * rowBytes, stored.offset + end * rowBytes);
    const values = widen(bytes, stored.dtype);
    for (let row = begin; row < end; row++) {
      const start = (row - begin) * width;
      for (let i = 0; i < width; i++) {
        const value = values[start + i] as number;
        const output = layout === "out-in" ? row : i;
        squares[output] = (squares[output] as number) + value * value;
      }
    }
  }
  return Float32Array.from(squares, Math.sqrt);
}
