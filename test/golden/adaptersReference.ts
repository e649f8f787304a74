// A slow, plain float64 version of what an adapter does to a tensor: the yardstick for AdapterEffects.

import { readFileSync } from "node:fs";
import type { Adapter, Checkpoint, StoredFile, StoredTensor } from "../../lib/checkpoint/types.js";

/** The values of a stored tensor. */
export function valuesOf(tensor: StoredTensor, files: readonly StoredFile[]): Float64Array {
  const file = readFileSync((files[tensor.file] as StoredFile).path);
  const view = new DataView(file.buffer, file.byteOffset + tensor.offset, tensor.bytes);
  const count = tensor.shape.reduce((n, size) => n * size, 1);
  const single = new DataView(new ArrayBuffer(4));
  return Float64Array.from({ length: count }, (_, i) => {
    if (tensor.dtype === "F32") return view.getFloat32(4 * i, true);
    if (tensor.dtype !== "BF16") throw new Error(`no reading of ${tensor.dtype} here`);
    single.setUint32(0, view.getUint16(2 * i, true) << 16);
    return single.getFloat32(0);
  });
}

/** All tensors that the adapter changes or adds, merged. */
export function mergedTensors(base: Checkpoint, adapter: Adapter): Map<string, Float64Array> {
  const merged = new Map<string, Float64Array>();
  const own = (tensor: StoredTensor) => valuesOf(tensor, adapter.files);
  for (const [name, effect] of adapter.effects) {
    const stored = base.tensors.get(name) as StoredTensor;
    if (effect.kind === "replace") {
      merged.set(name, own(effect.tensor));
      continue;
    }
    const weight = effect.base ? own(effect.base) : valuesOf(stored, base.files);
    if (effect.kind === "add") {
      const bias = own(effect.tensor);
      merged.set(name, weight.map((value, i) => value + effect.scale * (bias[i] as number)));
      continue;
    }
    const { left, leftTransposed, right, rightTransposed, rank, scale, dora } = effect.term;
    const rows = stored.shape[0] as number;
    const cols = weight.length / rows;
    const [l, r] = [own(left), own(right)];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < cols; j++) {
        let sum = 0;
        for (let k = 0; k < rank; k++) {
          const a = l[leftTransposed ? k * rows + i : i * rank + k] as number;
          sum += a * (r[rightTransposed ? j * rank + k : k * cols + j] as number);
        }
        weight[i * cols + j] = (weight[i * cols + j] as number) + scale * sum;
      }
    }
    if (dora) normalise(weight, rows, cols, own(dora.magnitude), dora.axis);
    merged.set(name, weight);
  }
  for (const [name, tensor] of adapter.added) merged.set(name, own(tensor));
  return merged;
}

/** DoRA: each row (axis 1) or column (axis 0) gets its magnitude as its norm. */
function normalise(weight: Float64Array, rows: number, cols: number, magnitude: Float64Array, axis: 0 | 1): void {
  const norms = new Float64Array(axis === 1 ? rows : cols);
  const group = (i: number) => (axis === 1 ? Math.floor(i / cols) : i % cols);
  for (const [i, value] of weight.entries()) norms[group(i)] = (norms[group(i)] as number) + value * value;
  for (const [i, value] of weight.entries()) {
    weight[i] = (value * (magnitude[group(i)] as number)) / Math.sqrt(norms[group(i)] as number);
  }
}
