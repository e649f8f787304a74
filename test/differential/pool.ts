// Stores the pool of related tensors that the cases draw their sources from.

import type { NativeRange, NativeSource } from "../../lib/addon/nativePlan.js";
import type { PoolName } from "./cases.js";
import type { FloatDtype } from "./dtypes.js";
import { type PlanBench, whole } from "./planBench.js";
import { tuned, weightsLike } from "./random.js";

export interface Pool {
  readonly shape: readonly number[];
  source(name: PoolName): NativeSource;
  values(name: PoolName): Float64Array;
}

/** One file a model, as checkpoints have it; the data sections are not aligned to anything. */
export function storePool(
  bench: PlanBench,
  shapes: readonly (readonly number[])[],
  dtype: FloatDtype,
  seed = 1,
): Pool[] {
  const tensors = shapes.map((shape, k) => {
    const n = shape.reduce((product, size) => product * size, 1);
    const at = (model: number) => seed * 10_007 + k * 101 + model;
    const base = weightsLike(n, at(0), dtype);
    return {
      base,
      tuned1: tuned(base, at(1), dtype),
      tuned2: tuned(base, at(2), dtype),
      tuned3: tuned(base, at(3), dtype),
      far: weightsLike(n, at(4), dtype),
      near: tuned(base, at(5), dtype, 1e-4),
    };
  });
  const ranges = {} as Record<PoolName, NativeRange[]>;
  for (const [k, name] of (["base", "tuned1", "tuned2", "tuned3", "far", "near"] as const).entries()) {
    const stored = tensors.map((tensor, t) => ({ shape: shapes[t] as readonly number[], dtype, values: tensor[name] }));
    ranges[name] = bench.store(stored, k);
  }
  return shapes.map((shape, t) => ({
    shape,
    source: (name) => whole(ranges[name][t] as NativeRange, shape),
    values: (name) => tensors[t]?.[name] as Float64Array,
  }));
}
