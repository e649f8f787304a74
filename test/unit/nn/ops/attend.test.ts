import { memory, randomUniform, type Tensor4D, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { useReference } from "../../../../lib/nn/engines/reference/startReference.js";
import { attendGroup } from "../../../../lib/nn/ops/attend.js";
import type { AttendSpec } from "../../../../lib/nn/ops/specs.js";

beforeAll(useReference);

describe("attendGroup", () => {
  it.each([undefined, 3])("gives the same whatever number of scores it holds at once (window %j)", (window) => {
    const before = memory().numTensors;
    tidy(() => {
      const spec: AttendSpec = { layer: 0, heads: 4, kvHeads: 2, headDim: 3, scale: 1, softcap: 2, window };
      const random = (...shape: [number, number, number, number]) =>
        randomUniform(shape, -2, 2, "float32", 7) as Tensor4D;
      const queries = random(2, 4, 7, 3);
      const parts = [5, 2].map((columns) => ({ keys: random(2, 2, columns, 3), values: random(2, 2, columns, 3) }));
      const mask = random(2, 1, 7, 7);
      const group = { mask: (asked: number | undefined) => (asked === undefined ? undefined : mask) };
      const whole = attendGroup(queries, parts, group, spec);
      expect(whole.shape).toEqual([14, 12]);
      for (const most of [1, 2 * 4 * 7 * 2, 2 * 4 * 7 * 5]) {
        expect([...attendGroup(queries, parts, group, spec, most).dataSync()]).toEqual([...whole.dataSync()]);
      }
    });
    expect(memory().numTensors).toBe(before);
  });
});
