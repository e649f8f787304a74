// NaN, infinities, signed zeros, subnormals, overflow, zero tensors and parallel vectors: defined, counted, and the
// same on every target.

import { afterAll, describe, expect, test } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativeFacts, NativeParams, NativeRange } from "../../lib/addon/nativePlan.js";
import { casesOf } from "../long.js";
import { CASES } from "./cases.js";
import { expectClose } from "./compare.js";
import { decode, encode, FLOAT_DTYPES, type FloatDtype, fromBits16, roundTo } from "./dtypes.js";
import { PlanBench, type Result, type Stored, whole } from "./planBench.js";
import { tuned, weightsLike } from "./random.js";
import { expected } from "./reference/expected.js";

const bench = new PlanBench();
const { targets } = loadAddon().describe();
afterAll(() => bench.close());

const IDENTITY: NativeParams = { op: "linear", weights: [1], normalize: false };

interface Merged {
  readonly bytes: Uint8Array;
  readonly facts: NativeFacts;
}

/** Merges the operands on all targets; they must agree. */
async function everywhere(
  operands: readonly Stored[],
  params: NativeParams,
  outDtype: FloatDtype,
  compute: "F32" | "F64" = "F32",
): Promise<Merged> {
  const shape = operands[0]?.shape ?? [];
  const sources = operands.map((operand) => whole(bench.store([operand], 1)[0] as NativeRange, shape));
  const drafts = [{ name: "special", shape, compute, outDtype, sources, variants: [{ params }] }];
  const results: Result[] = [];
  for (const target of targets) results.push(await bench.run(drafts, { target, threads: 2 }));
  for (const result of results) {
    expect(result.report.sha256).toEqual(results[0]?.report.sha256);
    expect(result.report.facts).toEqual(results[0]?.report.facts);
  }
  return { bytes: results[0]?.tensors[0]?.[0] as Uint8Array, facts: results[0]?.report.facts[0] as NativeFacts };
}

function notFinite(values: Float64Array): number {
  return values.filter((value) => !Number.isFinite(value)).length;
}

const f64 = (values: readonly number[]) => Float64Array.from(values);

const INFINITY = Number.POSITIVE_INFINITY;
const SPECIAL = [Number.NaN, INFINITY, -INFINITY, -0, 0, 1, -1, 2 ** -149, -(2 ** -140), 3e38, -3e38, 65504, 1e-8];

describe("conversions", () => {
  const words = Uint8Array.from({ length: 2 * 0x10000 }, (_, i) => (i % 2 ? i >> 9 : (i >> 1) & 0xff));

  test.each(["F16", "BF16"] as const)("every %s pattern is read exactly", async (dtype) => {
    const { bytes } = await everywhere([{ shape: [0x10000], dtype, bytes: words }], IDENTITY, "F32");
    const got = decode(bytes, "F32");
    for (let bits = 0; bits < 0x10000; bits++) {
      if (!Object.is(got[bits], fromBits16(bits, dtype))) expect.fail(`${bits.toString(16)} became ${got[bits]}`);
    }
  });

  test.each(["F16", "BF16"] as const)("every %s pattern but NaN survives reading and writing", async (dtype) => {
    const { bytes, facts } = await everywhere([{ shape: [0x10000], dtype, bytes: words }], IDENTITY, dtype);
    const got = new Uint16Array(bytes.slice().buffer);
    for (let bits = 0; bits < 0x10000; bits++) {
      const quiet = Number.isNaN(fromBits16(bits, dtype)) && Number.isNaN(fromBits16(got[bits] as number, dtype));
      if (got[bits] !== bits && !quiet) expect.fail(`${bits.toString(16)} became ${got[bits]?.toString(16)}`);
    }
    expect(facts.nonFinite).toBe(notFinite(decode(words, dtype)));
  });

  test.each(["F16", "BF16"] as const)("float32 rounds to %s once, ties to even", async (dtype) => {
    // Every 16-bit number, the middle to its neighbour, and a hair beside the middle.
    const values: number[] = [];
    for (let bits = 0; bits < 0x7c00; bits += 3) {
      const [low, high] = [fromBits16(bits, dtype), fromBits16(bits + 1, dtype)];
      const middle = (low + high) / 2;
      values.push(low, middle, -middle, Math.fround(middle * (1 + 2 ** -22)), Math.fround(middle * (1 - 2 ** -22)));
    }
    const numbers = f64(values.map(Math.fround));
    const { bytes } = await everywhere([{ shape: [numbers.length], dtype: "F32", values: numbers }], IDENTITY, dtype);
    expect(Buffer.compare(bytes, encode(numbers, dtype))).toBe(0);
  });

  test.each(["F32", "F16", "BF16"] as const)("float64 rounds to %s once, not by way of float32", async (dtype) => {
    const ulp = { F32: 2 ** -23, F16: 2 ** -10, BF16: 2 ** -7 }[dtype];
    const values = f64([
      ...[1 + ulp / 2, 1 + ulp / 2 + 2 ** -45, 1 + 1.5 * ulp, 1 + 1.5 * ulp - 2 ** -45, 1e308, -1e-320, 2 ** -150],
      ...[2 ** -25 + 2 ** -60, 2 ** -134 + 2 ** -170, 65520 - 2 ** -30, 65520],
      ...weightsLike(500, 5, "F64"),
    ]);
    const { bytes } = await everywhere([{ shape: [values.length], dtype: "F64", values }], IDENTITY, dtype, "F64");
    expect(Buffer.compare(bytes, encode(values, dtype))).toBe(0);
  });

  test("values beyond float16 become infinite and are counted", async () => {
    const values = f64([65504, 65519, 65520, 1e6, -1e6, 3e38, 1]);
    const { bytes, facts } = await everywhere([{ shape: [7], dtype: "F32", values }], IDENTITY, "F16");
    expect([...decode(bytes, "F16")]).toEqual([65504, 65504, INFINITY, INFINITY, -INFINITY, INFINITY, 1]);
    expect(facts.nonFinite).toBe(4);
  });
});

describe("elementwise ops follow IEEE arithmetic", () => {
  const settings: readonly { readonly title: string; readonly params: NativeParams }[] = [
    { title: "linear", params: { op: "linear", weights: [0.5, 0.25], normalize: false } },
    { title: "linear, normalised", params: { op: "linear", weights: [3, 1], normalize: true } },
    { title: "nearswap", params: { op: "nearswap", t: 0.5 } },
  ];

  test.each(settings)("$title of every pair of special values", async ({ params }) => {
    for (const dtype of FLOAT_DTYPES) {
      const compute = dtype === "F64" ? "F64" : "F32";
      // A quarter of each, so that float32 sums do not overflow where the reference's float64 does not.
      const special = SPECIAL.map((value) => roundTo(value / 4, dtype));
      const a = f64(special.flatMap((value) => special.map(() => value)));
      const b = f64(special.flatMap(() => special));
      const operands = [a, b].map((values) => ({ shape: [values.length], dtype, values }));
      const { bytes, facts } = await everywhere(operands, params, dtype, compute);
      const got = decode(bytes, dtype);
      const { values } = expected({ x: [a, b], shape: [a.length], compute }, params);
      for (const [i, value] of got.entries()) {
        // One element at a time: the largest would hide errors of the small ones.
        const pair = `${a[i]} and ${b[i]} as ${dtype}: ${value}, expected ${values[i]}`;
        expectClose(encode([value], dtype), dtype, { values: values.subarray(i, i + 1) }, compute, pair);
      }
      expect(facts.nonFinite).toBe(notFinite(got));
    }
  });

  test("slerp of a tensor with a NaN is NaN throughout, and counted", async () => {
    const [a, b] = [weightsLike(5000, 1, "F32"), weightsLike(5000, 2, "F32")];
    a[4321] = Number.NaN;
    const operands = [a, b].map((values) => ({ shape: [5000], dtype: "F32" as const, values }));
    const { bytes, facts } = await everywhere(operands, { op: "slerp", t: 0.5, threshold: 0.9995 }, "F32");
    expect(notFinite(decode(bytes, "F32"))).toBe(5000);
    expect(facts.nonFinite).toBe(5000);
  });

  test("a NaN in a row of nuslerp stays in its row", async () => {
    const [a, b] = [weightsLike(60, 1, "F32"), weightsLike(60, 2, "F32")];
    a[25] = Number.NaN;
    const operands = [a, b].map((values) => ({ shape: [6, 10], dtype: "F32" as const, values }));
    const params = { op: "nuslerp", weights: [1, 1], hasBase: false, axis: "last" } as const;
    const { bytes, facts } = await everywhere(operands, params, "F32");
    expect([...decode(bytes, "F32")].map(Number.isNaN)).toEqual(
      Array.from({ length: 60 }, (_, i) => i >= 20 && i < 30),
    );
    expect(facts.nonFinite).toBe(10);
  });

  test("a NaN is not outvoted in a sign election", async () => {
    const [a, b, c] = [weightsLike(60, 1, "F32"), weightsLike(60, 2, "F32"), weightsLike(60, 3, "F32")];
    b[7] = Number.NaN;
    const operands = [a, b, c].map((values) => ({ shape: [60], dtype: "F32" as const, values }));
    const params = {
      op: "task_arithmetic",
      sparsifier: "none",
      election: true,
      normalize: true,
      rescale: "none",
      lambda: 1,
      weights: [1, 1],
      densities: [1, 1],
      gammas: [0, 0],
      epsilons: [0, 0],
    } as const;
    const { bytes } = await everywhere(operands, params, "F32");
    expect([...decode(bytes, "F32")].map(Number.isNaN)).toEqual(Array.from({ length: 60 }, (_, i) => i === 7));
  });
});

test.each(CASES)(
  "$title is the same on every target with special values inside, and counts them",
  async (mergeCase) => {
    const one = FLOAT_DTYPES[CASES.indexOf(mergeCase) % FLOAT_DTYPES.length] as FloatDtype;
    for (const dtype of casesOf(FLOAT_DTYPES, [one])) {
      const n = 7 * 301;
      const base = weightsLike(n, 1, dtype);
      const operands = mergeCase.sources.map((name, k) => {
        const values = tuned(base, 10 + k, dtype);
        // Each source has specials where the others do not, and all have some in common.
        for (const [s, special] of SPECIAL.entries()) {
          values[100 * k + 7 * s] = roundTo(special, dtype);
          values[1500 + 3 * s] = roundTo(special, dtype);
        }
        return { shape: [7, 301], dtype, values, name };
      });
      const compute = dtype === "F64" ? "F64" : "F32";
      const { bytes, facts } = await everywhere(operands, mergeCase.params, dtype, compute);
      expect(facts.nonFinite).toBe(notFinite(decode(bytes, dtype)));
    }
  },
);

test.each(CASES)("$title is defined for tensors of zeros", async (mergeCase) => {
  const shape = [5, 77];
  const zeros = mergeCase.sources.map(() => new Float64Array(5 * 77));
  const operands = zeros.map((values) => ({ shape, dtype: "F32" as const, values }));
  if (mergeCase.params.op === "multislerp" && mergeCase.params.weights.length > 2) {
    await expect(everywhere(operands, mergeCase.params, "F32")).rejects.toMatchObject({ code: "INCOMPATIBLE" });
    return;
  }
  const { bytes, facts } = await everywhere(operands, mergeCase.params, "F32");
  expect(notFinite(decode(bytes, "F32"))).toBe(0);
  expect(Math.max(...decode(bytes, "F32").map(Math.abs))).toBe(0);
  expect(facts.nonFinite).toBe(0);
});

test.each(CASES)("$title of identical models follows the reference", async (mergeCase) => {
  const shape = [12, 65];
  const values = weightsLike(12 * 65, 3, "BF16");
  const operands = mergeCase.sources.map(() => ({ shape, dtype: "BF16" as const, values }));
  const params = mergeCase.params;
  if (params.op === "multislerp" && params.hasBase) {
    await expect(everywhere(operands, params, "F32")).rejects.toMatchObject({ code: "INCOMPATIBLE" });
    return;
  }
  const { bytes } = await everywhere(operands, params, "F32");
  expectClose(
    bytes,
    "F32",
    expected({ x: operands.map((x) => x.values), shape, compute: "F32" }, params),
    "F32",
    "same",
  );
});

test.each(["task_arithmetic", "sce"] as const)(
  "%s elects the positive sign when the deltas cancel exactly",
  async (op) => {
    const shape = [4];
    const x = [f64([1, 2, -3, 0]), f64([1.5, 1.75, -2.5, 0]), f64([0.5, 2.25, -3.5, 0])];
    const rest = { sparsifier: "none", election: true, normalize: true, rescale: "none", lambda: 1 } as const;
    const per = { weights: [0.5, 0.5], densities: [1, 1], gammas: [0, 0], epsilons: [0.1, 0.1] };
    const params: NativeParams = op === "sce" ? { op, selectTopk: 1 } : { op, ...rest, ...per };
    const operands = x.map((values) => ({ shape, dtype: "F32" as const, values }));
    const { bytes } = await everywhere(operands, params, "F32");
    expect([...decode(bytes, "F32")]).toEqual([1.5, 2.25, -2.5, 0]);
  },
);

describe("parallel and opposite vectors", () => {
  const shape = [2, 64];
  const a = weightsLike(128, 9, "BF16");
  const scaled = (factor: number) => a.map((value) => value * factor);
  const run = (x: readonly Float64Array[], params: NativeParams) =>
    everywhere(
      x.map((values) => ({ shape, dtype: "F32" as const, values })),
      params,
      "F32",
    );

  test.each([2, -2])("slerp of x and %i x takes the straight line and says so", async (factor) => {
    const x = [a, scaled(factor)];
    const params = { op: "slerp", t: 0.25, threshold: 0.9995 } as const;
    const { bytes, facts } = await run(x, params);
    expectClose(bytes, "F32", expected({ x, shape, compute: "F32" }, params), "F32", "straight");
    expect(facts).toMatchObject({ straight: 1, vectors: 1 });
    expect(facts.cosine).toBeCloseTo(Math.sign(factor), 12);
  });

  test("slerp of unrelated tensors takes the arc and reports the cosine", async () => {
    const x = [a, weightsLike(128, 10, "F32")];
    const { facts } = await run(x, { op: "slerp", t: 0.25, threshold: 0.9995 });
    expect(facts).toMatchObject({ straight: 0, vectors: 1 });
    expect(Math.abs(facts.cosine as number)).toBeLessThan(0.5);
  });

  test("slerp with a tensor of zeros has a right angle", async () => {
    const x = [new Float64Array(128), a];
    const params = { op: "slerp", t: 0.3, threshold: 0.9995 } as const;
    const { bytes, facts } = await run(x, params);
    expectClose(bytes, "F32", expected({ x, shape, compute: "F32" }, params), "F32", "zero");
    expect(facts.cosine).toBe(0);
  });

  test("nuslerp by rows counts the rows that are parallel", async () => {
    const b = weightsLike(128, 11, "F32");
    for (let i = 0; i < 64; i++) b[i] = 0.5 * (a[i] as number);
    const params = { op: "nuslerp", weights: [1, 3], hasBase: false, axis: "last" } as const;
    const { bytes, facts } = await run([a, b], params);
    expectClose(bytes, "F32", expected({ x: [a, b], shape, compute: "F32" }, params), "F32", "rows");
    expect(facts.vectors).toBe(2);
  });

  test("multislerp of two opposite tensors is the straight line", async () => {
    const x = [a, scaled(-1)];
    const params = { op: "multislerp", weights: [1, 1], normalizeWeights: true, eps: 1e-8, hasBase: false } as const;
    const { bytes } = await run(x, params);
    expect(Math.max(...decode(bytes, "F32").map(Math.abs))).toBeLessThan(1e-7);
  });

  test("karcher leaves a tensor of zeros out of the direction but not out of the length", async () => {
    const x = [a, new Float64Array(128)];
    const params = { op: "karcher", maxIter: 10, tol: 1e-5 } as const;
    const { bytes } = await run(x, params);
    expectClose(bytes, "F32", { values: scaled(0.5) }, "F32", "half");
  });
});

describe("lambda exactly 0 and 1", () => {
  test.each(FLOAT_DTYPES)(
    "a linear merge of %s copies the one model's bytes, signs of zero included",
    async (dtype) => {
      const compute = dtype === "F64" ? "F64" : "F32";
      const x = weightsLike(3001, 1, dtype);
      const y = weightsLike(3001, 2, dtype);
      x.set([-0, 0, roundTo(2 ** -149, dtype), -0]);
      y.set([-0, -0, -0, roundTo(2 ** -24, dtype)]);
      const operands = [x, y].map((values) => ({ shape: [3001], dtype, values }));
      for (const [weights, want] of [
        [[1, 0], x],
        [[0, 1], y],
        [[0, 0.5], y],
      ] as const) {
        const { bytes } = await everywhere(operands, { op: "linear", weights, normalize: true }, dtype, compute);
        expect(Buffer.compare(bytes, encode(want, dtype)), `weights ${weights}`).toBe(0);
      }
    },
  );

  test.each([0, 1])("slerp at t = %i gives that model's values", async (t) => {
    const x = [weightsLike(3001, 1, "BF16"), weightsLike(3001, 2, "BF16")];
    const operands = x.map((values) => ({ shape: [3001], dtype: "BF16" as const, values }));
    const { bytes } = await everywhere(operands, { op: "slerp", t, threshold: 0.9995 }, "BF16");
    expect([...decode(bytes, "BF16")]).toEqual([...(x[t] as Float64Array)]);
  });
});
