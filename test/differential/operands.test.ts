// Operands that are more than a stored tensor: adapters, gathered rows, casts, cut rows, mixed dtypes.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NativeParams, NativeRange, NativeSource } from "../../lib/addon/nativePlan.js";
import { expectClose } from "./compare.js";
import { decode, type FloatDtype, roundTo } from "./dtypes.js";
import { PlanBench, part, whole } from "./planBench.js";
import { tuned, uniform, weightsLike } from "./random.js";
import { type Adaptation, adapted, gathered } from "./reference/adapted.js";
import { expected } from "./reference/expected.js";
import type { TaskArithmeticParams } from "./reference/taskArithmetic.js";

const bench = new PlanBench();
afterAll(() => bench.close());

const IDENTITY: NativeParams = { op: "linear", weights: [1], normalize: false };

function store(values: Float64Array, shape: readonly number[], dtype: FloatDtype): NativeRange {
  return bench.store([{ shape, dtype, values }], 3)[0] as NativeRange;
}

/** Merges the sources on three settings that must not matter, and answers the bytes. */
async function merge(
  sources: readonly NativeSource[],
  shape: readonly number[],
  params: NativeParams,
  outDtype: FloatDtype = "F32",
  compute: "F32" | "F64" = "F32",
): Promise<Uint8Array> {
  const drafts = [{ name: "w", shape, compute, outDtype, sources, variants: [{ params }] }];
  const first = await bench.run(drafts, { threads: 1, reading: "map" });
  for (const options of [
    { threads: 3, reading: "pread" },
    { target: "baseline", threads: 2 },
  ] as const) {
    expect((await bench.run(drafts, options)).report.sha256).toEqual(first.report.sha256);
  }
  return first.tensors[0]?.[0] as Uint8Array;
}

describe.each([
  [7, 13, 1],
  [65, 130, 8],
  [4, 5000, 3],
  [5000, 3, 2],
  [16, 1, 4],
])("an adapter on [%i, %i] of rank %i", (rows, cols, rank) => {
  const shape = [rows, cols];
  const w = weightsLike(rows * cols, 1, "BF16");
  const left = weightsLike(rows * rank, 2, "F32", 0.3);
  const right = weightsLike(rank * cols, 3, "F32", 0.3);
  const scale = 1.75;
  let base: NativeRange;
  let ranges: { left: NativeRange; right: NativeRange };
  beforeAll(() => {
    base = store(w, shape, "BF16");
    ranges = { left: store(left, [rows, rank], "F32"), right: store(right, [rank, cols], "F32") };
  });

  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])("adds scale x left x right (transposed: %s, %s)", async (leftTransposed, rightTransposed) => {
    const lowRank = { ...ranges, leftTransposed, rightTransposed, rank, scale };
    const got = await merge([whole(base, shape, { lowRank })], shape, IDENTITY);
    const want = adapted(w, {
      rows,
      cols,
      lowRank: {
        left: { stored: left, transposed: leftTransposed },
        right: { stored: right, transposed: rightTransposed },
        rank,
        scale,
      },
    });
    expectClose(got, "F32", { values: want }, "F32", "W + s L R");
  });

  test.each([0, 1] as const)("renormalises as DoRA does along axis %i", async (axis) => {
    const count = axis === 1 ? rows : cols;
    const magnitude = weightsLike(count, 4, "F32", 1).map((value) => roundTo(Math.abs(value) + 0.5, "F32"));
    const dora = { magnitude: store(magnitude, [count], "F32"), axis };
    const term = { leftTransposed: false, rightTransposed: false, rank, scale };
    const got = await merge([whole(base, shape, { lowRank: { ...ranges, ...term, dora } })], shape, IDENTITY);
    const want = adapted(w, {
      rows,
      cols,
      lowRank: {
        left: { stored: left, transposed: false },
        right: { stored: right, transposed: false },
        rank,
        scale,
        dora: { magnitude, axis },
      },
    });
    expectClose(got, "F32", { values: want }, "F32", "DoRA");
  });
});

test("an adapter merges with its own base by every kind of op", async () => {
  const [rows, cols, rank] = [40, 96, 4];
  const w = weightsLike(rows * cols, 11, "BF16");
  const left = weightsLike(rows * rank, 12, "F32", 0.2);
  const right = weightsLike(rank * cols, 13, "F32", 0.2);
  const adaptation: Adaptation = {
    rows,
    cols,
    lowRank: {
      left: { stored: left, transposed: false },
      right: { stored: right, transposed: true },
      rank,
      scale: 0.5,
    },
  };
  const base = store(w, [rows, cols], "BF16");
  const lowRank = {
    left: store(left, [rows, rank], "F32"),
    leftTransposed: false,
    right: store(right, [cols, rank], "F32"),
    rightTransposed: true,
    rank,
    scale: 0.5,
  };
  const f = adapted(w, adaptation);
  const other = tuned(w, 14, "BF16");
  const shape = [rows, cols];
  const sources = [
    whole(base, shape),
    whole(base, shape, { lowRank }),
    whole(store(other, shape, "BF16"), shape),
  ] as const;
  const settings: NativeParams[] = [
    { op: "linear", weights: [0.3, 0.5, 0.2], normalize: true },
    { op: "model_stock", filterWise: true },
    { op: "nuslerp", weights: [0.3, 0.5], hasBase: true, axis: "last" },
    arithmetic({ densities: [1, 1], weights: [0.6, 0.4] }),
  ];
  for (const params of settings) {
    const got = await merge(sources, shape, params);
    expectClose(got, "F32", expected({ x: [w, f, other], shape, compute: "F32" }, params), "F32", params.op);
  }
});

function arithmetic(settings: Partial<TaskArithmeticParams>): TaskArithmeticParams {
  const [gammas, epsilons] = [
    [0, 0],
    [0, 0],
  ];
  const rest = { sparsifier: "none", election: false, normalize: false, rescale: "none", lambda: 1 } as const;
  return { op: "task_arithmetic", ...rest, weights: [1, 1], densities: [1, 1], gammas, epsilons, ...settings };
}

test.each(["F32", "BF16", "F16"] as const)("adds a scaled vector stored as %s to a bias", async (dtype) => {
  const w = weightsLike(1029, 21, "F16");
  const v = weightsLike(1029, 22, dtype);
  const add = { range: store(v, [1029], dtype), scale: 2.5 };
  const got = await merge([whole(store(w, [1029], "F16"), [1029], { add })], [1029], IDENTITY);
  const want = adapted(w, { rows: 1029, cols: 1, add: { values: v, scale: 2.5 } });
  expectClose(got, "F32", { values: want }, "F32", "W + s v");
});

test.each(["BF16", "F16"] as const)("castTo %s rounds every value before the op", async (castTo) => {
  const shape = [37, 41];
  const [x, y] = [weightsLike(37 * 41, 31, "F32"), weightsLike(37 * 41, 32, "F32")];
  const sources = [x, y].map((values) => whole(store(values, shape, "F32"), shape, { castTo }));
  const params: NativeParams = { op: "linear", weights: [0.25, 0.5], normalize: false };
  const got = await merge(sources, shape, params);
  // Powers of two: the sum of two rounded values is exact, so nothing but the rounding can differ.
  const want = x.map((value, i) => roundTo(value, castTo) * 0.25 + roundTo(y[i] as number, castTo) * 0.5);
  expect([...decode(got, "F32")]).toEqual([...want.map((value) => roundTo(value, "F32"))]);
});

test("castTo rounds what an adapter made of the base", async () => {
  const shape = [9, 17];
  const w = weightsLike(9 * 17, 33, "F32");
  const v = weightsLike(9 * 17, 34, "F32");
  const extra = { castTo: "BF16", add: { range: store(v, shape, "F32"), scale: 1 } } as const;
  const got = await merge([whole(store(w, shape, "F32"), shape, extra)], shape, IDENTITY);
  const want = w.map((value, i) => roundTo(roundTo(value + (v[i] as number), "F32"), "BF16"));
  expect([...decode(got, "F32")]).toEqual([...want]);
});

test("operands of four dtypes meet in one tensor", async () => {
  const shape = [33, 65];
  const dtypes = ["BF16", "F16", "F32", "F64"] as const;
  const x = dtypes.map((dtype, k) => weightsLike(33 * 65, 40 + k, dtype));
  const sources = x.map((values, k) => whole(store(values, shape, dtypes[k] as FloatDtype), shape));
  const params: NativeParams = { op: "linear", weights: [0.1, 0.2, 0.3, 0.4], normalize: true };
  const want = expected({ x, shape, compute: "F64" }, params);
  for (const outDtype of dtypes) {
    expectClose(await merge(sources, shape, params, outDtype, "F64"), outDtype, want, "F64", `F64 to ${outDtype}`);
    expectClose(await merge(sources, shape, params, outDtype, "F32"), outDtype, want, "F32", `F32 to ${outDtype}`);
  }
});

test("rows beyond the output are left out", async () => {
  const [x, y] = [weightsLike(50 * 30, 51, "BF16"), weightsLike(41 * 30, 52, "BF16")];
  const sources = [whole(store(x, [50, 30], "BF16"), [50, 30]), whole(store(y, [41, 30], "BF16"), [41, 30])];
  const shape = [41, 30];
  const settings: NativeParams[] = [
    { op: "linear", weights: [0.4, 0.6], normalize: true },
    { op: "slerp", t: 0.4, threshold: 0.9995 },
    { op: "nuslerp", weights: [0.4, 0.6], hasBase: false, axis: "first" },
  ];
  for (const params of settings) {
    const want = expected({ x: [x.slice(0, 41 * 30), y], shape, compute: "F32" }, params);
    expectClose(await merge(sources, shape, params), "F32", want, "F32", params.op);
  }
  const copy = await merge([sources[0] as NativeSource], shape, { op: "copy" }, "BF16");
  expect([...decode(copy, "BF16")]).toEqual([...x.slice(0, 41 * 30)]);
});

describe("gathered rows", () => {
  const cols = 37;
  const parts = [weightsLike(20 * cols, 61, "BF16"), weightsLike(8 * cols, 62, "F32")];
  const sources = (lists: readonly (readonly (readonly [number, number])[])[]): NativeSource => ({
    parts: [
      part(store(parts[0] as Float64Array, [20, cols], "BF16"), [20, cols]),
      part(store(parts[1] as Float64Array, [8, cols], "F32"), [8, cols]),
    ],
    gather: {
      start: Uint32Array.from([0, ...lists.map((_, j) => lists.slice(0, j + 1).flat().length)]),
      part: Uint32Array.from(lists.flat(), ([p]) => p),
      row: Uint32Array.from(lists.flat(), ([, row]) => row),
    },
  });
  const next = uniform(63);
  const random = (count: number) => Array.from({ length: count }, () => pick(next));
  const lists = {
    "a permutation": Array.from({ length: 20 }, (_, j) => [[0, (j * 7) % 20] as const]),
    "rows of two parts": random(30).map((entry) => [entry]),
    "means of several rows": Array.from({ length: 12 }, (_, j) => random(1 + (j % 4))),
    "rows of zeros between others": Array.from({ length: 9 }, (_, j) => (j % 2 ? [] : random(1))),
    "one row many times": Array.from({ length: 25 }, () => [[1, 3] as const]),
  };

  test.each(Object.entries(lists))("%s", async (title, list) => {
    const shape = [list.length, cols];
    const base = weightsLike(list.length * cols, 64, "F32");
    const y = gathered(parts, cols, list);
    const alone = await merge([sources(list)], shape, IDENTITY);
    expectClose(alone, "F32", { values: y }, "F32", title);
    const pair = [whole(store(base, shape, "F32"), shape), sources(list)];
    for (const params of [
      { op: "slerp", t: 0.3, threshold: 0.9995 },
      { op: "nuslerp", weights: [1, 2], hasBase: false, axis: "first" },
      arithmetic({ sparsifier: "magnitude", densities: [0.4], weights: [0.7], gammas: [0], epsilons: [0] }),
    ] as const) {
      const want = expected({ x: [base, y], shape, compute: "F32" }, params);
      expectClose(await merge(pair, shape, params), "F32", want, "F32", `${title}, ${params.op}`);
    }
  });

  test("rows of padding are the mean of all rows before them", async () => {
    const list = lists["rows of zeros between others"];
    const source = sources(list);
    const padded = { ...source, gather: { ...(source.gather as NonNullable<typeof source.gather>), meanRows: 3 } };
    const y = gathered(parts, cols, list);
    const mean = Array.from({ length: cols }, (_, c) => {
      return list.reduce((sum, _, j) => sum + (y[j * cols + c] as number), 0) / list.length;
    });
    const values = Float64Array.from([...y, ...mean, ...mean, ...mean]);
    const shape = [list.length + 3, cols];
    expectClose(await merge([padded], shape, IDENTITY), "F32", { values }, "F32", "padding");
    const base = weightsLike((shape[0] as number) * cols, 66, "F32");
    const slerp = { op: "slerp", t: 0.3, threshold: 0.9995 } as const;
    const want = expected({ x: [base, values], shape, compute: "F32" }, slerp);
    const pair = [whole(store(base, shape, "F32"), shape), padded];
    expectClose(await merge(pair, shape, slerp), "F32", want, "F32", "padding, slerp");
  });

  test("a gathered copy keeps the rows' bits", async () => {
    const list = lists["a permutation"];
    const source = { ...sources(list), parts: [sources(list).parts[0] as NativeSource["parts"][0]] };
    const got = await merge([source], [20, cols], { op: "copy" }, "BF16");
    expect([...decode(got, "BF16")]).toEqual([...gathered(parts, cols, list)]);
  });

  test("a gather of single numbers works on a vector", async () => {
    const x = weightsLike(19, 65, "F32");
    const order = Uint32Array.from({ length: 19 }, (_, j) => (j * 5) % 19);
    const start = Uint32Array.from({ length: 20 }, (_, j) => j);
    const gather = { start, part: new Uint32Array(19), row: order };
    const got = await merge([{ parts: [part(store(x, [19], "F32"), [19])], gather }], [19], IDENTITY);
    expect([...decode(got, "F32")]).toEqual([...order].map((row) => x[row]));
  });

  function pick(draw: () => number): readonly [number, number] {
    const which = draw() < 0.6 ? 0 : 1;
    return [which, Math.floor(draw() * (which === 0 ? 20 : 8))];
  }
});
