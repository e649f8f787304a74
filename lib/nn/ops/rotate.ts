// Rotary position embedding (Su et al. 2021) as ordinary ops, with transformers' pairing of dimension i with i + half.

import { add, concat, keep, mul, reshape, reverse, slice, type Tensor3D, tensor3d } from "../tensorflowCore.js";
import type { Rope, Rows } from "./specs.js";

/** Of each row: [rows, 1, rotary]; the sines of the first half negative. Made once a step, for all layers that turn alike. */
export interface Turns {
  readonly cos: Tensor3D;
  readonly sin: Tensor3D;
}

/** Cosines and sines of the rows. They are kept: dispose them. */
export function turnsOf(rope: Rope, rows: Rows): Turns {
  const half = rope.inverseFrequencies.length;
  const count = rows.positions.length;
  const cos = new Float32Array(count * 2 * half);
  const sin = new Float32Array(count * 2 * half);
  const contexts = rope.long ? contextsOf(rows) : undefined;
  for (let row = 0; row < count; row++) {
    const position = rows.positions[row] as number;
    const isLong = rope.long !== undefined && (contexts?.[row] as number) > rope.long.from;
    const frequencies = isLong ? rope.long.inverseFrequencies : rope.inverseFrequencies;
    const start = row * 2 * half;
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * (frequencies[i] as number));
      const c = Math.cos(angle) * rope.magnitude;
      const s = Math.sin(angle) * rope.magnitude;
      cos[start + i] = c;
      cos[start + half + i] = c;
      sin[start + i] = -s;
      sin[start + half + i] = s;
    }
  }
  const shape: [number, number, number] = [count, 1, 2 * half];
  return { cos: keep(tensor3d(cos, shape)), sin: keep(tensor3d(sin, shape)) };
}

/** Tokens of each row's sequence: as told, else up to the last position of its slot in this step. */
function contextsOf(rows: Rows): Int32Array {
  if (rows.contexts) return rows.contexts;
  const last = new Map<number, number>();
  rows.slots.forEach((slot, row) => {
    last.set(slot, (rows.positions[row] as number) + 1);
  });
  return rows.slots.map((slot) => last.get(slot) as number);
}

/** x [rows, heads, headDim], turned: x cos + swap(x) sin on the first rotary dimensions of each head. */
export function rotate(x: Tensor3D, { cos, sin }: Turns): Tensor3D {
  const [rows, heads, dim] = x.shape;
  const rotary = cos.shape[2];
  if (rotary < dim) {
    const turned = rotate(slice(x, [0, 0, 0], [rows, heads, rotary]), { cos, sin });
    return concat([turned, slice(x, [0, 0, rotary], [rows, heads, dim - rotary])], 2);
  }
  const swapped = reshape(reverse(reshape(x, [rows, heads, 2, rotary / 2]), 2), [rows, heads, rotary]) as Tensor3D;
  return add(mul(x, cos), mul(swapped, sin));
}
