// The random sparsifiers: kept share, independence, repeatability and rescaling, all within five standard deviations.

import { afterAll, describe, expect, test } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativeRange, NativeSource } from "../../lib/addon/nativePlan.js";
import { decode } from "./dtypes.js";
import { PlanBench, type RunOptions, whole } from "./planBench.js";
import { weightsLike } from "./random.js";
import type { TaskArithmeticParams } from "./reference/taskArithmetic.js";

const bench = new PlanBench();
afterAll(() => bench.close());

const ROWS = 300;
const COLS = 1001;
const N = ROWS * COLS;
const SHAPE = [ROWS, COLS];
const zeros = source(new Float64Array(N));
const ones = source(new Float64Array(N).fill(1));
const twos = source(new Float64Array(N).fill(2));
const weights = weightsLike(N, 7, "F32").map((value) => value || 0.01);
const model = source(weights);

function source(values: Float64Array): NativeSource {
  return whole(bench.store([{ shape: SHAPE, dtype: "F32", values }])[0] as NativeRange, SHAPE);
}

interface Setting extends RunOptions {
  readonly name?: string;
  readonly modelKeys?: readonly number[];
  readonly models?: readonly NativeSource[];
}

/** The sum of the masked deltas over a base of zeros. */
async function masked(params: Partial<TaskArithmeticParams>, setting: Setting = {}) {
  const { name = "layer.weight", models = [ones], modelKeys, ...options } = setting;
  const sources = [zeros, ...models];
  const per = (value: number) => models.map(() => value);
  const variants = [
    {
      params: {
        op: "task_arithmetic",
        ...{ sparsifier: "random", election: false, normalize: false, rescale: "none", lambda: 1 },
        ...{ weights: per(1), densities: per(0.3), gammas: per(0.01), epsilons: per(0.15) },
        ...params,
      } as TaskArithmeticParams,
    },
  ];
  const draft = { name, shape: SHAPE, outDtype: "F32" as const, sources, variants, ...(modelKeys && { modelKeys }) };
  const { report, tensors } = await bench.run([draft], options);
  return { report, values: decode(tensors[0]?.[0] as Uint8Array, "F32") };
}

/** The count of successes lies within five standard deviations of what `probability` makes likely. */
function expectShare(count: number, trials: number, probability: number, what: string): void {
  const deviation = Math.sqrt(trials * probability * (1 - probability));
  expect(Math.abs(count - trials * probability) / deviation, `${what}: ${count} of ${trials}`).toBeLessThan(5);
}

const count = (values: Float64Array, test: (value: number, index: number) => boolean) => values.filter(test).length;
const total = (values: Float64Array) => values.reduce((sum, value) => sum + Math.abs(value), 0);

describe.each(["random", "ranked"] as const)("%s", (sparsifier) => {
  test.each([0.2, 0.5, 0.8])("keeps a share of %f, as the report says", async (density) => {
    const { report, values } = await masked({ sparsifier, densities: [density] });
    const kept = count(values, (value) => value === 1);
    expect(kept + count(values, (value) => value === 0)).toBe(N);
    expectShare(kept, N, density, "kept");
    expect(report.facts[0]?.kept).toBeCloseTo(kept / N, 12);
  });

  test("draws neighbours, rows and columns independently", async () => {
    const { values } = await masked({ sparsifier, densities: [0.5], epsilons: [0.001] });
    for (const distance of [1, 2, 16, 32, 64, COLS, COLS + 1, 4 * COLS]) {
      const both = count(values.subarray(distance), (value, i) => value === 1 && values[i] === 1);
      expectShare(both, N - distance, 0.25, `${distance} apart`);
    }
    for (let row = 0; row < ROWS; row += 60) {
      expectShare(total(values.subarray(row * COLS, (row + 1) * COLS)), COLS, 0.5, `row ${row}`);
    }
  });

  test("draws for each model, tensor and seed anew", async () => {
    const settings = { sparsifier, densities: [0.5], epsilons: [0.001] };
    const first = (await masked(settings)).values;
    const others = {
      model: await masked(settings, { modelKeys: [0, 2] }),
      tensor: await masked(settings, { name: "layer.bias" }),
      seed: await masked(settings, { seed: 1 }),
      "far seed": await masked(settings, { seed: 2 ** 32 }),
    };
    for (const [what, { values }] of Object.entries(others)) {
      expectShare(
        count(values, (value, i) => value === 1 && first[i] === 1),
        N,
        0.25,
        `another ${what}`,
      );
    }
  });

  test("draws for the models of one merge independently", async () => {
    const settings = { sparsifier, densities: [0.3, 0.6], epsilons: [0.001, 0.001] };
    const { values } = await masked(settings, { models: [ones, twos] });
    for (const [sum, probability] of [
      [0, 0.7 * 0.4],
      [1, 0.3 * 0.4],
      [2, 0.7 * 0.6],
      [3, 0.3 * 0.6],
    ] as const) {
      expectShare(
        count(values, (value) => value === sum),
        N,
        probability,
        `sum ${sum}`,
      );
    }
  });

  test("the model's key decides the mask, not its place", async () => {
    const settings = { sparsifier, densities: [0.3, 0.3] };
    const there = await masked(settings, { models: [ones, twos], modelKeys: [0, 1, 2] });
    const back = await masked(settings, { models: [twos, ones], modelKeys: [0, 2, 1] });
    expect(Buffer.compare(Buffer.from(there.values.buffer), Buffer.from(back.values.buffer))).toBe(0);
  });

  test("equal seeds give equal masks on every target, thread count and way of reading", async () => {
    const settings = { sparsifier, rescale: "l1" } as const;
    const first = await masked(settings, { models: [model], seed: 42, threads: 1, reading: "map" });
    for (const target of loadAddon().describe().targets) {
      for (const [threads, reading] of [
        [1, "pread"],
        [2, "map"],
        [7, "pread"],
      ] as const) {
        const { report } = await masked(settings, { models: [model], seed: 42, target, threads, reading });
        expect(report.sha256, `${target}, ${threads} threads, ${reading}`).toEqual(first.report.sha256);
      }
    }
  });

  test("l1 rescaling keeps the sum of magnitudes", async () => {
    const { values } = await masked({ sparsifier, rescale: "l1" }, { models: [model] });
    expect(total(values) / total(weights)).toBeCloseTo(1, 5);
    const factor = values.map((value, i) => value / (weights[i] as number)).filter((value) => value !== 0);
    expect(Math.max(...factor.subarray(0, 1000)) / Math.min(...factor.subarray(0, 1000))).toBeCloseTo(1, 5);
  });
});

test("random: inverse density divides what is kept by the density", async () => {
  const { values } = await masked({ rescale: "inverse_density" }, { models: [model] });
  for (const [i, value] of values.entries()) {
    if (value !== 0 && Math.abs(value / (weights[i] as number) - 1 / 0.3) > 1e-5) expect.fail(`element ${i}: ${value}`);
  }
});

test("random: the same mask whatever the dtype of the model", async () => {
  const half = whole(
    bench.store([{ shape: SHAPE, dtype: "BF16", values: new Float64Array(N).fill(1) }])[0] as NativeRange,
    SHAPE,
  );
  const [one, other] = [await masked({}), await masked({}, { models: [half] })];
  expect(one.report.sha256).toEqual(other.report.sha256);
});

test("ranked: larger magnitudes in a row are kept more often", async () => {
  const [density, epsilon] = [0.5, 0.3];
  const { values } = await masked(
    { sparsifier: "ranked", densities: [density], epsilons: [epsilon] },
    { models: [model] },
  );
  // Quarters of each row by ascending magnitude; the mean probability of a quarter is at its middle.
  const kept = [0, 0, 0, 0];
  const seen = [0, 0, 0, 0];
  const likely = [0, 0, 0, 0];
  for (let row = 0; row < ROWS; row++) {
    const order = Array.from({ length: COLS }, (_, c) => row * COLS + c).sort(
      (i, j) => Math.abs(weights[i] as number) - Math.abs(weights[j] as number),
    );
    for (const [rank, index] of order.entries()) {
      const quarter = Math.floor((4 * rank) / COLS);
      seen[quarter] = (seen[quarter] as number) + 1;
      likely[quarter] = (likely[quarter] as number) + density - epsilon + (2 * epsilon * rank) / (COLS - 1);
      if (values[index] !== 0) kept[quarter] = (kept[quarter] as number) + 1;
    }
  }
  for (let q = 0; q < 4; q++) {
    const trials = seen[q] as number;
    expectShare(kept[q] as number, trials, (likely[q] as number) / trials, `quarter ${q}`);
  }
});

test("ranked: a vector is one row, and a row of one element is kept with the density", async () => {
  const columns = whole(
    bench.store([{ shape: [20_000, 1], dtype: "F32", values: new Float64Array(20_000).fill(1) }])[0] as NativeRange,
    [20_000, 1],
  );
  const ascending = Float64Array.from({ length: 20_000 }, (_, i) => 1 + i / 20_000);
  const vector = whole(bench.store([{ shape: [20_000], dtype: "F32", values: ascending }])[0] as NativeRange, [20_000]);
  const none = (shape: number[]) =>
    whole(bench.store([{ shape, dtype: "F32", values: new Float64Array(20_000) }])[0] as NativeRange, shape);
  const params: TaskArithmeticParams = {
    op: "task_arithmetic",
    ...{ sparsifier: "ranked", election: false, normalize: false, rescale: "none", lambda: 1 },
    ...{ weights: [1], densities: [0.5], gammas: [0.01], epsilons: [0.4] },
  };
  const draft = (name: string, shape: number[], x: NativeSource) => {
    return { name, shape, outDtype: "F32" as const, sources: [none(shape), x], variants: [{ params }] };
  };
  const { tensors } = await bench.run([draft("columns", [20_000, 1], columns), draft("vector", [20_000], vector)]);
  const [single, vectors] = tensors.map(([bytes]) => decode(bytes as Uint8Array, "F32")) as [
    Float64Array,
    Float64Array,
  ];
  expectShare(
    count(single, (value) => value !== 0),
    20_000,
    0.5,
    "rows of one",
  );
  expectShare(
    count(vectors.subarray(0, 2000), (value) => value !== 0),
    2000,
    0.1 + 0.8 * 0.05,
    "smallest tenth",
  );
  expectShare(
    count(vectors.subarray(18_000), (value) => value !== 0),
    2000,
    0.1 + 0.8 * 0.95,
    "largest tenth",
  );
});
