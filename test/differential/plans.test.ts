// Whole plans: many tensors, several files, many variants, digests, progress, memory limits, targets.

import { createHash } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import type { Dtype } from "../../lib/addon/dtype.js";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativeParams, NativeRange, NativeSource } from "../../lib/addon/nativePlan.js";
import type { NativeProgress } from "../../lib/addon/surface.js";
import { long } from "../long.js";
import fc from "../properties.js";
import { CASES } from "./cases.js";
import { expectClose } from "./compare.js";
import { DTYPE_BYTES, FLOAT_DTYPES, type FloatDtype } from "./dtypes.js";
import { type Draft, PlanBench, whole } from "./planBench.js";
import { type Pool, storePool } from "./pool.js";
import { uniform, weightsLike } from "./random.js";
import { expected } from "./reference/expected.js";

const bench = new PlanBench();
afterAll(() => bench.close());

const pools = storePool(bench, [[64, 65], [1000], [], [0], [3, 50, 7], [401, 1031]], "BF16", 9);

function draft(pool: Pool, name: string, settings: readonly NativeParams[], outputs: readonly number[]): Draft {
  const sources = ["base", "tuned1", "tuned2"] as const;
  return {
    name,
    shape: pool.shape,
    outDtype: "BF16",
    sources: sources.map((source) => pool.source(source)),
    variants: settings.map((params, v) => ({ output: outputs[v] as number, params })),
  };
}

const sweep = (lambda: number): NativeParams => ({
  op: "linear",
  weights: [1 - lambda, lambda / 2, lambda / 2],
  normalize: true,
});
const LAMBDAS = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.5, -0.5];

type Settings = Partial<Extract<NativeParams, { op: "task_arithmetic" }>>;

const families: readonly { readonly title: string; readonly params: Settings }[] = [
  { title: "task arithmetic", params: {} },
  { title: "ties", params: { sparsifier: "magnitude", election: true, normalize: true } },
  { title: "dare", params: { sparsifier: "random", rescale: "l1" } },
  { title: "della", params: { sparsifier: "ranked", rescale: "l1" } },
  { title: "breadcrumbs", params: { sparsifier: "outliers", gammas: [0.1, 0.05] } },
];

const sweeps: readonly { readonly title: string; readonly settings: readonly NativeParams[] }[] = [
  { title: "linear", settings: LAMBDAS.map(sweep) },
  {
    title: "linear, not normalised",
    settings: LAMBDAS.map((t) => ({ op: "linear", weights: [t, 1 - t, 0.1], normalize: false })),
  },
  ...families.map(({ title, params }) => ({
    title,
    settings: [0, 0.3, 1].flatMap((lambda) =>
      [0.3, 0.6].map((density) => arithmetic({ ...params, lambda, densities: [density, 0.5] })),
    ),
  })),
  ...(["flat", "last", "first"] as const).map((axis) => ({
    title: `nuslerp, ${axis}`,
    settings: [0.2, 0.8].map((w): NativeParams => ({ op: "nuslerp", weights: [w, 1 - w], hasBase: true, axis })),
  })),
  {
    title: "multislerp",
    settings: [0.2, 0.5].map(
      (w): NativeParams => ({
        op: "multislerp",
        weights: [w, 1 - w],
        normalizeWeights: true,
        eps: 1e-8,
        hasBase: true,
      }),
    ),
  },
  { title: "sce", settings: [0.1, 0.5, 1].map((selectTopk) => ({ op: "sce", selectTopk })) },
  { title: "ram", settings: [1e-4, 5e-3].map((epsilon) => ({ op: "ram", epsilon, r: 0.2, alpha: 0.4 })) },
];

function arithmetic(settings: Settings): NativeParams {
  return {
    op: "task_arithmetic",
    ...{ sparsifier: "none", election: false, normalize: false, rescale: "none", lambda: 1 },
    ...{ weights: [0.7, 0.4], densities: [1, 1], gammas: [0.01, 0.01], epsilons: [0.1, 0.1] },
    ...settings,
  };
}

test.each(sweeps)("a sweep of $title gives byte for byte what its merges give one at a time", async ({ settings }) => {
  const drafts = (some: readonly NativeParams[]) =>
    pools.map((pool, k) => draft(pool, `layer.${k}`, some, [...some.keys()]));
  const swept = await bench.run(drafts(settings), { threads: 2 });
  for (const [v, params] of settings.entries()) {
    const single = await bench.run(drafts([params]), { threads: 1, reading: "pread" });
    expect(swept.report.sha256[v], `variant ${v}`).toBe(single.report.sha256[0]);
    const facts = swept.report.facts.filter(({ variant }) => variant === v).map((fact) => ({ ...fact, variant: 0 }));
    expect(facts).toEqual(single.report.facts);
  }
});

const mixtures: readonly { readonly title: string; readonly settings: readonly NativeParams[] }[] = [
  { title: "methods", settings: [sweep(0.3), { op: "model_stock", filterWise: false }] },
  {
    title: "axes of nuslerp",
    settings: (["flat", "last", "first"] as const).map((axis) => {
      return { op: "nuslerp", weights: [0.2, 0.8], hasBase: true, axis };
    }),
  },
  { title: "ways of model_stock", settings: [false, true].map((filterWise) => ({ op: "model_stock", filterWise })) },
  {
    title: "sparsifiers",
    settings: (["none", "magnitude", "random", "ranked", "outliers"] as const).map((sparsifier) =>
      arithmetic({ sparsifier, densities: [0.5, 0.3], election: sparsifier !== "none" }),
    ),
  },
  {
    title: "ways of rescaling",
    settings: (["none", "l1", "inverse_density"] as const).map((rescale) =>
      arithmetic({ sparsifier: "random", densities: [0.5, 0.3], rescale }),
    ),
  },
  {
    title: "roles of the first model",
    settings: [true, false].map((hasBase) => {
      const weights = hasBase ? [0.5, 0.5] : [0.2, 0.4, 0.4];
      return { op: "multislerp", weights, normalizeWeights: true, eps: 1e-8, hasBase };
    }),
  },
];

test("a sweep of slerp gives byte for byte what its merges give one at a time", async () => {
  const drafts = (ts: readonly number[]) =>
    pools.map((pool, k): Draft => {
      const sources = (["base", "far"] as const).map((name) => pool.source(name));
      const variants = ts.map((t, output) => ({ output, params: { op: "slerp", t, threshold: 0.9995 } as const }));
      return { name: `layer.${k}`, shape: pool.shape, outDtype: "BF16", sources, variants };
    });
  const swept = await bench.run(drafts(LAMBDAS));
  for (const [v, t] of LAMBDAS.entries()) {
    expect(swept.report.sha256[v], `t = ${t}`).toBe((await bench.run(drafts([t]))).report.sha256[0]);
  }
});

test.each(mixtures)("variants with different $title are refused, or merged as each alone", async ({ settings }) => {
  const pool = pools[0] as Pool;
  const outputs = [...settings.keys()];
  let together: Awaited<ReturnType<PlanBench["run"]>>;
  try {
    together = await bench.run([draft(pool, "w", settings, outputs)]);
  } catch (error) {
    expect(error).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("variants") });
    return;
  }
  for (const [v, params] of settings.entries()) {
    const alone = await bench.run([draft(pool, "w", [params], [0])]);
    expect(together.report.sha256[v], `variant ${v}`).toBe(alone.report.sha256[0]);
    expect({ ...together.report.facts[v], variant: 0 }).toEqual(alone.report.facts[0]);
  }
});

test("many tensors of every kind go to several files, each in its place", async () => {
  const next = uniform(3);
  const drafts: Draft[] = Array.from({ length: 60 }, (_, k) => {
    const pool = pools[k % (pools.length - 1)] as Pool;
    const { sources, params } = CASES[Math.floor(next() * CASES.length)] as (typeof CASES)[number];
    return {
      name: `block.${k}`,
      shape: pool.shape,
      outDtype: params.op === "copy" ? "BF16" : (FLOAT_DTYPES[k % 4] as FloatDtype),
      sources: sources.map((name) => pool.source(name)),
      // Three files, one filled after the other.
      variants: [{ output: Math.floor(k / 20), params }],
    };
  });
  const { report, tensors, files } = await bench.run(drafts, { threads: 2 });
  expect(files).toHaveLength(3);
  let next20 = 0;
  for (const [k, { name, shape, outDtype, variants, sources }] of drafts.entries()) {
    expect(report.facts[k]?.name).toBe(name);
    const used = CASES.find(({ params }) => params === variants[0]?.params) as (typeof CASES)[number];
    const pool = pools[k % (pools.length - 1)] as Pool;
    const x = used.sources.map((source) => pool.values(source));
    expect(sources).toHaveLength(x.length);
    const want = expected({ x, shape, compute: "F32" }, used.params);
    expectClose(tensors[k]?.[0] as Uint8Array, outDtype as FloatDtype, want, "F32", `${name}, ${used.title}`);
    next20++;
  }
  expect(next20).toBe(60);
});

test.each([
  { threads: 1, reading: "map" },
  { threads: 4, reading: "pread" },
] as const)("digests are those of the files, headers included ($reading)", async (options) => {
  const drafts = pools.map((pool, k) => draft(pool, `layer.${k}`, [sweep(0.3), sweep(0.6)], [1, 0]));
  for (const outputShift of [0, 1, 5]) {
    const { report, files } = await bench.run(drafts, { ...options, outputShift });
    expect(report.sha256).toEqual(files.map((file) => createHash("sha256").update(file).digest("hex")));
    expect(report.bytesWritten).toBe(files.reduce((sum, file) => sum + file.length, 0));
  }
});

test("the header's bytes stand at the front of each file as they were given", async () => {
  const drafts = pools.map((pool, k) => draft(pool, `layer.${k}`, [sweep(0.3), sweep(0.6)], [0, 1]));
  const plan = bench.plan(drafts);
  const { files } = await bench.run(drafts);
  for (const [k, { header, size }] of plan.outputs.entries()) {
    expect(files[k]?.length).toBe(size);
    expect(Buffer.compare((files[k] as Uint8Array).subarray(0, header.length), header)).toBe(0);
  }
});

test("progress only rises and ends at the total", async () => {
  const drafts = pools.map((pool, k) => draft(pool, `layer.${k}`, LAMBDAS.map(sweep), [...LAMBDAS.keys()]));
  const seen: NativeProgress[] = [];
  await bench.run(drafts, { threads: 2, onProgress: (progress) => seen.push({ ...progress }) });
  expect(seen.length).toBeGreaterThan(0);
  const done = seen.map((progress) => progress.done);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(new Set(seen.map((progress) => progress.total)).size).toBe(1);
  expect(seen.at(-1)?.done).toBe(seen.at(-1)?.total);
});

test("copies of integers and booleans keep their bytes", async () => {
  const dtypes = (Object.keys(DTYPE_BYTES) as Dtype[]).filter((dtype) => dtype !== "F64");
  const next = uniform(4);
  const drafts: Draft[] = [];
  const wanted: Uint8Array[] = [];
  for (const dtype of dtypes) {
    for (const shape of [[], [5], [33, 129], [0]]) {
      const n = shape.reduce((product, size) => product * size, 1);
      const bytes = Uint8Array.from({ length: n * DTYPE_BYTES[dtype] }, () => Math.floor(next() * 256));
      const source = whole(bench.store([{ shape, dtype, bytes }], 7)[0] as NativeRange, shape);
      wanted.push(bytes);
      drafts.push({
        name: `${dtype}.${shape}`,
        shape,
        outDtype: dtype,
        sources: [source],
        variants: [{ params: { op: "copy" } }],
      });
    }
  }
  for (const options of [{ reading: "map" }, { reading: "pread", threads: 3 }] as const) {
    const { tensors } = await bench.run(drafts, options);
    for (const [k, bytes] of wanted.entries()) {
      expect(Buffer.compare(tensors[k]?.[0] as Uint8Array, bytes), drafts[k]?.name).toBe(0);
    }
  }
});

test("a small memory limit changes no byte", async () => {
  const trimmed = (density: number) => arithmetic({ sparsifier: "magnitude", densities: [density, 0.3] });
  const drafts = pools.flatMap((pool, k) => [
    draft(pool, `sum.${k}`, [sweep(0.3), sweep(0.6)], [0, 1]),
    draft(pool, `trim.${k}`, [trimmed(0.3), trimmed(0.6)], [0, 1]),
  ]);
  const free = await bench.run(drafts, { threads: 7 });
  const tight = await bench.run(drafts, { threads: 7, maxMemory: 64 * 2 ** 20, reading: "pread" });
  expect(tight.report.sha256).toEqual(free.report.sha256);
});

test("syncing to the disk changes no byte", async () => {
  const drafts = pools.map((pool, k) => draft(pool, `layer.${k}`, [sweep(0.3)], [0]));
  const synced = await bench.run(drafts, { fsync: true });
  expect(synced.report.sha256).toEqual((await bench.run(drafts, { fsync: false })).report.sha256);
});

test("the same model twice is two inputs", async () => {
  const pool = pools[0] as Pool;
  const source = pool.source("tuned1");
  const params: NativeParams = { op: "linear", weights: [1, 1, 2], normalize: true };
  const same = { name: "w", shape: pool.shape, outDtype: "F32" as const, variants: [{ params }] };
  const { tensors } = await bench.run([{ ...same, sources: [source, source, pool.source("base")] }]);
  const x = [pool.values("tuned1"), pool.values("tuned1"), pool.values("base")];
  const want = expected({ x, shape: pool.shape, compute: "F32" }, params);
  expectClose(tensors[0]?.[0] as Uint8Array, "F32", want, "F32", "twice");
});

test("a target that does not exist is a usage error that names it", async () => {
  const drafts = [draft(pools[0] as Pool, "w", [sweep(0.5)], [0])];
  await expect(bench.run(drafts, { target: "sse9" })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("sse9"),
  });
  expect((await bench.run(drafts)).report.target).toBe(loadAddon().describe().target);
});

test("every op of the reference is an op of the engine, and the other way round", () => {
  const tried = new Set(CASES.map(({ params }) => params.op));
  expect([...tried].sort()).toEqual([...loadAddon().describe().ops].sort());
});

test("random shapes, dtypes, ops and parameters agree with the reference", async () => {
  const shape = fc.oneof(
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 0, maxLength: 4 }),
    fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 })),
    fc.tuple(fc.integer({ min: 1, max: 5000 })),
  );
  const dtype = fc.constantFrom<FloatDtype>("F32", "BF16", "F16");
  const share = fc.double({ min: 0.05, max: 1, noNaN: true });
  const weight = fc.double({ min: 0.1, max: 1.5, noNaN: true });
  const params: fc.Arbitrary<NativeParams> = fc.oneof(
    fc
      .record({ weights: fc.tuple(weight, weight, weight), normalize: fc.boolean() })
      .map((rest): NativeParams => ({ op: "linear", ...rest })),
    fc
      .record({
        sparsifier: fc.constantFrom("none", "magnitude", "outliers"),
        election: fc.boolean(),
        normalize: fc.boolean(),
        rescale: fc.constantFrom("none", "l1"),
        lambda: weight,
        weights: fc.tuple(weight, weight),
        densities: fc.tuple(share, share),
        gammas: fc.tuple(share, share).map(([a, b]) => [a / 4, b / 4]),
      })
      .map((settings): NativeParams => arithmetic(settings as Settings)),
    fc.boolean().map((filterWise): NativeParams => ({ op: "model_stock", filterWise })),
    fc
      .record({ weights: fc.tuple(weight, weight), axis: fc.constantFrom("flat", "last", "first") })
      .map((rest): NativeParams => ({ op: "nuslerp", hasBase: true, ...rest }) as NativeParams),
    fc
      .record({ epsilon: fc.double({ min: 1e-4, max: 0.02, noNaN: true }), r: share, alpha: share })
      .map((rest): NativeParams => ({ op: "ram", ...rest })),
  );
  const small = new PlanBench();
  const check = fc.asyncProperty(
    shape,
    fc.tuple(dtype, dtype, dtype, dtype),
    params,
    fc.integer({ min: 1, max: 1e6 }),
    fc.constantFrom(...loadAddon().describe().targets),
    fc.integer({ min: 1, max: 5 }),
    async (dimensions, [base, one, two, outDtype], settings, seed, target, threads) => {
      const n = dimensions.reduce((product, size) => product * size, 1);
      const x = [base, one, two].map((type, k) => weightsLike(n, seed + k, type));
      const sources: NativeSource[] = x.map((values, k) => {
        const type = [base, one, two][k] as FloatDtype;
        return whole(small.store([{ shape: dimensions, dtype: type, values }], k)[0] as NativeRange, dimensions);
      });
      const { tensors } = await small.run(
        [{ name: "w", shape: dimensions, outDtype, sources, variants: [{ params: settings }] }],
        { target, threads },
      );
      const want = expected({ x, shape: dimensions, compute: "F32" }, settings);
      expectClose(tensors[0]?.[0] as Uint8Array, outDtype, want, "F32", settings.op);
    },
  );
  try {
    await fc.assert(check, { seed: 20_240_607, numRuns: long ? 150 : 75 });
  } finally {
    small.close();
  }
});
