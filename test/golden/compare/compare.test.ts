// What a tuning changed of each tensor, against numpy in float64 (make.py): the demo's model and two of its tunings.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compareTensors } from "../../../lib/merge/compareTensors.js";

interface Expected {
  readonly norm: number;
  readonly d: number;
  readonly v: number;
  readonly cosine: number;
  readonly cosineOfChanges: number | null;
  readonly signAgreement: number | null;
  readonly rankD: number | null;
  readonly rankV: number | null;
}

const demo = new URL("../../../demo/", import.meta.url).pathname;
const expected = JSON.parse(readFileSync(join(import.meta.dirname, "expected.json"), "utf8")) as Record<string, Expected>;
const model = join(demo, "model");
const tuned = (seed: number) => `${model}+${join(demo, `adapters/seed-${seed}`)}`;

describe("models compared tensor by tensor", () => {
  it("differ as numpy says: norms, cosines, effective ranks, signs", async () => {
    const { tensors, total, leftOut } = await compareTensors(model, tuned(42), { unaligned: tuned(1024), threads: 2 });
    expect(tensors.map(({ name }) => name).sort()).toEqual(Object.keys(expected).sort());
    expect(leftOut).toEqual([]);
    const near = (actual: number | undefined, wanted: number | null, tolerance: number, name: string) => {
      if (wanted === null) return expect(actual, name).toBeUndefined();
      expect(Math.abs((actual as number) - wanted) / Math.max(1e-9, Math.abs(wanted)), name).toBeLessThan(tolerance);
    };
    for (const { name, norm, cosine, tuning, alignment, cosineOfChanges, signAgreement } of tensors) {
      const of = expected[name] as Expected;
      near(norm, of.norm, 1e-9, name);
      near(cosine, of.cosine, 1e-9, name);
      // base + adapter is a float32 sum, of which the base is taken away again
      near(tuning.norm, of.d, 1e-5, name);
      near(alignment?.norm, of.v, 1e-5, name);
      near(tuning.relative, of.d / of.norm, 1e-5, name);
      near(cosineOfChanges, of.cosineOfChanges, 1e-4, name);
      near(signAgreement, of.signAgreement, 2e-3, name);
      near(tuning.effectiveRank, of.rankD, 1e-3, name);
      near(alignment?.effectiveRank, of.rankV, 1e-3, name);
    }
    const all = Object.values(expected);
    expect(total.tuning.norm / Math.hypot(...all.map(({ d }) => d))).toBeCloseTo(1, 5);
    expect(total.norm / Math.hypot(...all.map(({ norm }) => norm))).toBeCloseTo(1, 9);
  });
});
