// The backend's buffers: used again where nobody can notice, and never where somebody could.

import { memory, reshape, setBackend, slice, split, square, sum, type Tensor2D, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { currentBackend, type NativeBackend, tensorOf } from "../../../../../lib/nn/engines/native/nativeBackend.js";
import { BACKEND, registerKernels } from "../../../../../lib/nn/engines/native/registerKernels.js";

let backend: NativeBackend;
beforeAll(async () => {
  registerKernels();
  registerKernels();
  await setBackend(BACKEND);
});
beforeEach(() => {
  backend = currentBackend();
  backend.dispose();
});

/** A kernel's result: numbers from `first` on. */
function made(shape: [number, number], first = 0): { tensor: Tensor2D; values: Float32Array } {
  const { info, values } = backend.output(shape);
  values.forEach((_, i) => {
    values[i] = first + i;
  });
  return { tensor: tensorOf(info), values };
}

describe("the native backend", () => {
  it("gives a disposed result's memory to the next one of about its size", () => {
    const { tensor, values } = made([10, 100]);
    tensor.dispose();
    expect(backend.idleBytes).toBeGreaterThanOrEqual(4000);
    const next = made([11, 90]);
    expect(next.values.buffer).toBe(values.buffer);
    expect(next.values).toHaveLength(990);
    expect(backend.idleBytes).toBe(0);
    expect(made([10, 100]).values.buffer).not.toBe(values.buffer);
  });

  it("leaves an array alone that was read", async () => {
    const { tensor } = made([2, 3], 5);
    const read = tensor.dataSync();
    const other = made([2, 3], 7);
    const later = await other.tensor.data();
    for (const { tensor: read } of [{ tensor }, other]) read.dispose();
    expect(backend.idleBytes).toBe(0);
    made([2, 3], 100);
    expect([...read]).toEqual([5, 6, 7, 8, 9, 10]);
    expect([...later]).toEqual([7, 8, 9, 10, 11, 12]);
  });

  it("keeps what ordinary ops took from a result when that result is gone", () => {
    const { tensor } = made([4, 2]);
    const rows = slice(tensor, [1, 0], [2, 2]);
    const halves = split(tensor, 2);
    tensor.dispose();
    made([4, 2], 100);
    expect([...rows.dataSync()]).toEqual([2, 3, 4, 5]);
    expect(halves.map((half) => [...half.dataSync()])).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });

  it("frees a result with the last of the tensors that share it", () => {
    const { tensor } = made([4, 2]);
    const same = reshape(tensor, [8]);
    tensor.dispose();
    expect(backend.idleBytes).toBe(0);
    same.dispose();
    expect(backend.idleBytes).toBe(64);
  });

  it("does not hoard", () => {
    const results = Array.from({ length: 20 }, (_, i) => backend.output([1024, 1024 + 300 * i]).info);
    for (const result of results) tensorOf(result).dispose();
    expect(backend.idleBytes).toBeGreaterThan(30 * 2 ** 20);
    expect(backend.idleBytes).toBeLessThanOrEqual(64 * 2 ** 20);
  });

  it("lends an array to a tensor without ever giving it to another", () => {
    const values = Float32Array.of(1, 2, 3);
    tensorOf(backend.over(values, [1, 3])).dispose();
    expect(backend.idleBytes).toBe(0);
  });

  it("counts no tensor twice", () => {
    const { numTensors } = memory();
    tidy(() => {
      const { tensor } = made([3, 3]);
      sum(square(reshape(tensor, [9])));
    });
    expect(memory().numTensors).toBe(numTensors);
  });
});
