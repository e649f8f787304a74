// One case on the pool's tensors: against the reference, and the same bytes in every configuration.

import { expect } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { Case } from "./cases.js";
import { expectClose } from "./compare.js";
import type { FloatDtype } from "./dtypes.js";
import type { PlanBench, Result, RunOptions } from "./planBench.js";
import type { Pool } from "./pool.js";
import { expected } from "./reference/expected.js";

/** Every target that this machine has: alone and crowded, mapped and read. */
export const CONFIGURATIONS: readonly RunOptions[] = loadAddon()
  .describe()
  .targets.flatMap((target) => [
    { target, threads: 1, reading: "map" as const },
    { target, threads: 7, reading: "pread" as const },
    { target, threads: 2, reading: "auto" as const },
  ]);

/** Merges every tensor of the pools by the case in one plan, in each configuration. */
export async function checkCase(
  { sources, params }: Case,
  bench: PlanBench,
  pools: readonly Pool[],
  dtype: FloatDtype,
  configurations: readonly RunOptions[] = CONFIGURATIONS,
): Promise<void> {
  const compute = dtype === "F64" ? "F64" : "F32";
  const drafts = pools.map(
    (pool) =>
      ({
        name: `tensor[${pool.shape}]`,
        shape: pool.shape,
        compute,
        outDtype: dtype,
        sources: sources.map((name) => pool.source(name)),
        variants: [{ params }],
      }) as const,
  );
  const results: Result[] = [];
  for (const options of configurations) results.push(await bench.run(drafts, options));
  const [first, ...others] = results;
  for (const [t, pool] of pools.entries()) {
    const x = sources.map((name) => pool.values(name));
    const want = expected({ x, shape: pool.shape, compute }, params);
    expectClose(first?.tensors[t]?.[0] as Uint8Array, dtype, want, compute, `[${pool.shape}]`);
  }
  for (const [k, { report }] of others.entries()) {
    const { target, threads, reading } = configurations[k + 1] as RunOptions;
    expect(report.sha256, `${target}, ${threads} threads, ${reading}`).toEqual(first?.report.sha256);
    expect(report.facts).toEqual(first?.report.facts);
    expect(report.target).toBe(target);
  }
}
