// Every op, dtype and awkward shape against the slow reference, and the same bytes on every target, thread count
// and way of reading.

import { afterAll, beforeAll, describe, test } from "vitest";
import { casesOf } from "../long.js";
import { CASES, SHAPES } from "./cases.js";
import { checkCase } from "./checkCase.js";
import { FLOAT_DTYPES } from "./dtypes.js";
import { PlanBench } from "./planBench.js";
import { type Pool, storePool } from "./pool.js";

describe.each(FLOAT_DTYPES)("%s", (dtype) => {
  // By default every case with one dtype.
  const part = FLOAT_DTYPES.indexOf(dtype);
  const cases = casesOf(
    CASES,
    CASES.filter((_, at) => at % FLOAT_DTYPES.length === part),
  );
  const bench = new PlanBench();
  let pools: Pool[] = [];
  beforeAll(() => {
    pools = storePool(bench, SHAPES, dtype);
  });
  afterAll(() => bench.close());

  test.each(cases)("$title equals the reference, with the same bytes everywhere", (mergeCase) =>
    checkCase(mergeCase, bench, pools, dtype),
  );
});
