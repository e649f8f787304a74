// Every op on a tensor of several of the engine's blocks: sums, ranks and thresholds that cross them. bfloat16, where
// magnitudes tie most: the ties at a threshold are spread over all blocks. Only sce is tried on float32, because equal
// variances of bfloat16 deltas differ in their last bit by the order of rounding, and its weights hang on all of them.

import { afterAll, expect, test } from "vitest";
import { casesOf } from "../long.js";
import { CASES, LARGE_SHAPE } from "./cases.js";
import { CONFIGURATIONS, checkCase } from "./checkCase.js";
import { PlanBench } from "./planBench.js";
import { storePool } from "./pool.js";

const bench = new PlanBench();
const pools = { BF16: storePool(bench, [LARGE_SHAPE], "BF16"), F32: storePool(bench, [LARGE_SHAPE], "F32") };
afterAll(() => bench.close());

// Each target once, with one thread, seven, two.
const configurations = CONFIGURATIONS.filter((_, k) => k % 3 === Math.floor(k / 3) % 3 || k === 1);

test("every target is among the configurations", () => {
  const targets = (some: typeof CONFIGURATIONS) => new Set(some.map(({ target }) => target));
  expect(targets(configurations)).toEqual(targets(CONFIGURATIONS));
});

// By default every third, which has every kind of operation in it.
const cases = casesOf(
  CASES,
  CASES.filter((_, at) => at % 3 === 0),
);

test.each(cases)("$title equals the reference, with the same bytes everywhere", (mergeCase) => {
  const dtype = mergeCase.params.op === "sce" ? "F32" : "BF16";
  return checkCase(mergeCase, bench, pools[dtype], dtype, configurations);
});
