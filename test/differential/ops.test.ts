// Every op, dtype and awkward shape against the slow reference, and the same bytes on every target, thread count
// and way of reading.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { type Case, CASES, LARGE_SHAPE, SHAPES } from "./cases.js";
import { expectClose } from "./compare.js";
import { FLOAT_DTYPES, type FloatDtype } from "./dtypes.js";
import { type Draft, PlanBench, type RunOptions } from "./planBench.js";
import { type Pool, storePool } from "./pool.js";
import { expected } from "./reference/expected.js";

/** Each target alone and crowded, mapped and read; the first is the one that the others must equal. */
const CONFIGURATIONS: readonly RunOptions[] = loadAddon()
  .describe()
  .targets.flatMap((target) => [
    { target, threads: 1, reading: "map" as const },
    { target, threads: 7, reading: "pread" as const },
    { target, threads: 2, reading: "auto" as const },
  ]);

describe.each(FLOAT_DTYPES)("%s", (dtype) => {
  const bench = new PlanBench();
  const compute = dtype === "F64" ? "F64" : "F32";
  let pools: Pool[] = [];
  beforeAll(() => {
    // Large tensors where magnitudes tie most, and where they tie least.
    const shapes = dtype === "BF16" ? [...SHAPES, LARGE_SHAPE] : SHAPES;
    pools = storePool(bench, shapes, dtype);
  });
  afterAll(() => bench.close());

  test.each(CASES)("$title equals the reference, with the same bytes everywhere", async (mergeCase) => {
    const drafts = pools.map((pool) => draftOf(mergeCase, pool, dtype, compute));
    const results = [];
    for (const options of CONFIGURATIONS) results.push(await bench.run(drafts, options));
    const [first, ...others] = results;
    for (const [t, pool] of pools.entries()) {
      const x = mergeCase.sources.map((name) => pool.values(name));
      const want = expected({ x, shape: pool.shape, compute }, mergeCase.params);
      expectClose(first?.tensors[t]?.[0] as Uint8Array, dtype, want, compute, `[${pool.shape}]`);
    }
    for (const [k, other] of others.entries()) {
      const { target, threads, reading } = CONFIGURATIONS[k + 1] as RunOptions;
      expect(other.report.sha256, `${target}, ${threads} threads, ${reading}`).toEqual(first?.report.sha256);
      expect(other.report.facts).toEqual(first?.report.facts);
      expect(other.report.target).toBe(target);
    }
  });
});

function draftOf({ sources, params }: Case, pool: Pool, dtype: FloatDtype, compute: "F32" | "F64"): Draft {
  return {
    name: `tensor[${pool.shape}]`,
    shape: pool.shape,
    compute,
    outDtype: dtype,
    sources: sources.map((name) => pool.source(name)),
    variants: [{ params }],
  };
}
