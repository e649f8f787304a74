// How the plans of several outputs become one, and how many fit into one pass.

import { describe, expect, it } from "vitest";
import type { NativeFacts, NativeParams } from "../../../lib/addon/nativePlan.js";
import type { BuiltPlan } from "../../../lib/plan/build.js";
import { packShards } from "../../../lib/plan/shards.js";
import { factsByPoint, outputsPerPass, sweepPlan } from "../../../lib/plan/sweepPlan.js";
import type { DraftTensor } from "../../../lib/plan/tensors.js";

const run = { seed: 0, threads: 1, maxMemory: 0, reading: "auto", fsync: true } as const;

function built(...params: { params: NativeParams; keys: number[] }[]): BuiltPlan {
  const tensors = params.map(({ params: operation, keys }, at): DraftTensor => {
    const part = { input: 0, offset: 0, dtype: "BF16", count: 1 << 20, rows: 1, cols: 1 << 20 } as const;
    return {
      name: `t${at}`,
      shape: [1, 1 << 20],
      compute: "F32",
      outDtype: "BF16",
      sources: keys.map(() => ({ parts: [part] })),
      modelKeys: keys,
      params: operation,
      models: keys.map(String),
      identical: [],
    };
  });
  const layout = packShards(
    tensors.map(({ name, outDtype, shape }) => ({ name, dtype: outDtype, shape })),
    1 << 21,
  );
  const config = { dtype: undefined, layers: undefined, vocabSize: undefined, tieWordEmbeddings: undefined };
  return { tensors, inputs: [], layout, unmatched: [], warnings: [], config };
}

const linear = (...weights: number[]) => ({
  params: { op: "linear", weights, normalize: true } as const,
  keys: weights.map((_, key) => key),
});
const copy = (key: number) => ({ params: { op: "copy" } as const, keys: [key] });

describe("the plan of a sweep", () => {
  it("makes one tensor of what differs in numbers only, and reads copies beside it", () => {
    const builds = [
      built(copy(0), linear(0, 1)),
      built(linear(0.5, 0.5), linear(1, 1)),
      built(linear(1, 2), linear(2, 1)),
      built(copy(1), linear(3, 1)),
    ];
    const plan = sweepPlan(builds, ["/a", "/b", "/c", "/d"], run);
    expect(plan.outputs.map(({ path }) => path)).toEqual(
      ["/a", "/b", "/c", "/d"].flatMap((folder) => [1, 2].map((n) => `${folder}/model-0000${n}-of-00002.safetensors`)),
    );
    const shape = plan.tensors.map(({ name, variants }) => [name, ...variants.map(({ output }) => output)]);
    expect(shape).toEqual([
      ["t0", 0],
      ["t0", 2, 4],
      ["t0", 6],
      ["t1", 1, 3, 5, 7],
    ]);
  });

  it("gives each point its facts, in the order of its tensors", () => {
    const builds = [built(copy(0), linear(0, 1)), built(linear(1, 1), linear(1, 1))];
    const plan = sweepPlan(builds, ["/a", "/b"], run);
    const facts = ["t0 a", "t0 b", "t1 a", "t1 b"].map(
      (name, at): NativeFacts => ({ name, variant: at % 2, nonFinite: 0 }),
    );
    expect(factsByPoint(plan, 2, facts).map((of) => of.map(({ name, variant }) => [name, variant]))).toEqual([
      [
        ["t0 a", 0],
        ["t1 a", 0],
      ],
      [
        ["t0 b", 0],
        ["t1 b", 0],
      ],
    ]);
  });

  it("refuses outputs of different dtypes", () => {
    const other = built(copy(0));
    const wide = { ...other, tensors: other.tensors.map((tensor) => ({ ...tensor, outDtype: "F32" as const })) };
    expect(() => sweepPlan([other, wide], ["/a", "/b"], run)).toThrow(/different tensors/);
  });
});

describe("the outputs of a pass", () => {
  const plan = built(linear(1, 1));
  it("are bounded by memory for buffers, however many threads there are", () => {
    for (const threads of [1, 2, 16, 64, 256]) {
      const outputs = outputsPerPass(plan, { threads, maxMemory: 0, ranksDiffer: false });
      expect(outputs).toBeGreaterThan(2);
      expect(outputs * (threads + 4) * (128 << 10) * 2).toBeLessThanOrEqual(256_000_000);
    }
    expect(outputsPerPass(plan, { threads: 2, maxMemory: 0, ranksDiffer: false })).toBeGreaterThan(100);
  });

  it("are fewer where each needs histograms of its own, or a limit is given", () => {
    const free = outputsPerPass(plan, { threads: 16, maxMemory: 0, ranksDiffer: false });
    expect(outputsPerPass(plan, { threads: 16, maxMemory: 0, ranksDiffer: true })).toBeLessThan(free);
    expect(outputsPerPass(plan, { threads: 2, maxMemory: 20_000_000, ranksDiffer: false })).toBeLessThan(5);
    expect(outputsPerPass(plan, { threads: 64, maxMemory: 1, ranksDiffer: true })).toBe(1);
  });

  it("are bounded by open files", () => {
    const shards = built(...Array.from({ length: 300 }, () => linear(1, 1)));
    expect(outputsPerPass(shards, { threads: 1, maxMemory: 0, ranksDiffer: false })).toBe(1);
  });
});
