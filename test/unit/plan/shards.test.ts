import { describe, expect, it } from "vitest";
import type { Dtype } from "../../../lib/addon/dtype.js";
import { elementsOf } from "../../../lib/checkpoint/elementsOf.js";
import { elementSize } from "../../../lib/plan/dtypes.js";
import { type OutputTensor, packShards, shardIndex } from "../../../lib/plan/shards.js";
import fc from "../../properties.js";

const tensors = fc
  .array(
    fc.record({
      dtype: fc.constantFrom<Dtype>("F32", "BF16", "I64", "BOOL"),
      shape: fc.array(fc.nat(9), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((list): OutputTensor[] => list.map((tensor, at) => ({ name: `t${at}`, ...tensor })));

describe("packShards", () => {
  it("places every tensor once, without gaps, aligned, and below the limit unless it is alone", () => {
    fc.assert(
      fc.property(tensors, fc.integer({ min: 1, max: 3000 }), (list, limit) => {
        const { shards, totalSize } = packShards(list, limit);
        expect(shards.flatMap(({ placed }) => placed.map(({ tensor }) => tensor)).sort((a, b) => a - b)).toEqual(
          list.map((_, at) => at),
        );
        let total = 0;
        for (const { header, size, placed } of shards) {
          expect(header.length % 4096).toBe(0);
          let end = header.length;
          for (const { tensor, offset } of placed) {
            const { dtype, shape } = list[tensor] as OutputTensor;
            expect(offset).toBe(end);
            expect(offset % elementSize(dtype as Dtype)).toBe(0);
            end += elementsOf({ shape }) * elementSize(dtype as Dtype);
          }
          expect(end).toBe(size);
          const data = size - header.length;
          const filled = placed.filter(({ tensor }) => elementsOf(list[tensor] as OutputTensor) > 0);
          if (filled.length > 1) expect(data).toBeLessThanOrEqual(limit);
          total += data;
        }
        expect(totalSize).toBe(total);
      }),
      { numRuns: 200 },
    );
  });

  it("names a single file plainly and several by their number", () => {
    const list = ["a", "b"].map((name) => ({ name, dtype: "F32" as const, shape: [4] }));
    expect(packShards(list).shards.map(({ fileName }) => fileName)).toEqual(["model.safetensors"]);
    const several = packShards(list, 16);
    expect(several.shards.map(({ fileName }) => fileName)).toEqual([
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ]);
    expect(shardIndex(list, packShards(list))).toBeUndefined();
    expect(JSON.parse(shardIndex(list, several) ?? "")).toEqual({
      metadata: { total_size: 32 },
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    });
  });

  it("writes names that JavaScript objects would lose or move", () => {
    const list = ["b", "__proto__", "7"].map((name) => ({ name, dtype: "F32" as const, shape: [1] }));
    const { header } = packShards(list).shards[0] as ReturnType<typeof packShards>["shards"][number];
    const text = new TextDecoder().decode(header.subarray(8));
    expect(text.trimEnd()).toBe(
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' +
        '"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"7":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}',
    );
  });

  it("keeps codes before their scales where others are put in the order of their widths", () => {
    const list: OutputTensor[] = [
      { name: "norm", dtype: "BF16", shape: [3] },
      { name: "w", dtype: "F8_E4M3", shape: [16, 16] },
      { name: "w_scale", dtype: "BF16", shape: [16, 1] },
      { name: "buffer", dtype: "F32", shape: [1] },
    ];
    const [shard] = packShards(list).shards;
    expect(shard?.placed.map(({ tensor }) => list[tensor]?.name)).toEqual(["w", "w_scale", "buffer", "norm"]);
  });

  it("refuses a limit that is not positive", () => {
    expect(() => packShards([], 0)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
