// The reference itself, against mergekit's outputs: what every other test here compares with has to be right first.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { NativeParams } from "../../lib/addon/nativePlan.js";
import { expectClose } from "./compare.js";
import { decode, type FloatDtype } from "./dtypes.js";
import { expected } from "./reference/expected.js";
import type { TaskArithmeticParams } from "./reference/taskArithmetic.js";

const GOLDEN = join(import.meta.dirname, "../golden/merge");

function arithmetic(settings: Partial<TaskArithmeticParams>): TaskArithmeticParams {
  return {
    op: "task_arithmetic",
    ...{ sparsifier: "none", election: false, normalize: false, rescale: "none", lambda: 1 },
    ...{ weights: [1, 1, 1], densities: [1, 1, 1], gammas: [0.01, 0.01, 0.01], epsilons: [0.15, 0.15, 0.15] },
    ...settings,
  };
}

const FLOATS = ["base-f32", "ft1-f32", "ft2-f32", "ft3-f32"];
const ALL = ["base", "ft1", "ft2", "ft3"];
const crumbs = { densities: [0.9, 0.35, 0.5], gammas: [0.01, 0.1, 0.05], weights: [0.6, 0.3, 0.4] };
const irregular = [0.5135791, 0.3297317, 0.4071133];
const flat = { op: "nuslerp", weights: [0.3, 0.9] } as const;

/** The settings of test/golden/merge/recipes, as the engine gets them. */
const cases: readonly [file: string, models: readonly string[], params: NativeParams][] = [
  ["arcee-fusion.f32", ["base", "wide"], { op: "arcee_fusion" }],
  ["breadcrumbs.f32", FLOATS, arithmetic({ sparsifier: "outliers", ...crumbs })],
  ["breadcrumbs-ties.bf16", FLOATS, arithmetic({ sparsifier: "outliers", ...crumbs, election: true })],
  ["dare-ties.f32", ALL, arithmetic({ sparsifier: "random", election: true, rescale: "l1", weights: irregular })],
  ["karcher.f32", ["ft1", "ft2", "ft3"], { op: "karcher", maxIter: 10, tol: 1e-5 }],
  ["linear-three.f32", ["ft1", "ft2", "ft3"], { op: "linear", weights: [1, 0.6, 0.4], normalize: true }],
  [
    "multislerp-base.f32",
    ALL,
    { op: "multislerp", weights: [0.5, 0.3, 0.4], normalizeWeights: true, eps: 1e-8, hasBase: true },
  ],
  ["nearswap.f32", ["base", "ft3"], { op: "nearswap", t: 0.0015 }],
  ["nuslerp-base-last.f32", ["base", "ft2", "ft3"], { ...flat, hasBase: true, axis: "last" }],
  ["nuslerp-first.bf16", ["ft1", "far"], { ...flat, hasBase: false, axis: "first" }],
  ["ram.f32", ALL, { op: "ram", epsilon: 1e-5, r: 0, alpha: 0 }],
  ["ramplus.bf16", ALL, { op: "ram", epsilon: 1e-4, r: 0.3, alpha: 0.5 }],
  ["sce-topk.f32", FLOATS, { op: "sce", selectTopk: 0.35 }],
  ["slerp-04.bf16", ["base", "ft1"], { op: "slerp", t: 0.4, threshold: 0.9995 }],
  ["stock.bf16", ALL, { op: "model_stock", filterWise: false }],
  ["stock-rows.f32", ALL, { op: "model_stock", filterWise: true }],
  ["task-3.bf16", ALL, arithmetic({ weights: [0.5, 0.7, -0.2], lambda: 0.8 })],
  [
    "ties.f32",
    FLOATS,
    arithmetic({
      ...{ sparsifier: "magnitude", election: true, normalize: true },
      ...{ weights: [0.5, 0.3, 0.4], densities: [0.5, 0.3, 0.7] },
    }),
  ],
];

test.each(cases)("%s", (file, models, params) => {
  const inputs = models.map((name) => readFolder(join(GOLDEN, "models", name)));
  const outputs = readFile(join(GOLDEN, "expected", `${file}.safetensors`));
  expect(outputs.size).toBeGreaterThan(20);
  for (const [name, { bytes, dtype, shape }] of outputs) {
    const x = inputs.map((tensors) => {
      const tensor = tensors.get(name) as Tensor;
      return decode(tensor.bytes, tensor.dtype);
    });
    expectClose(bytes, dtype, expected({ x, shape, compute: "F32" }, params), "F32", name);
  }
});

interface Tensor {
  readonly bytes: Uint8Array;
  readonly dtype: FloatDtype;
  readonly shape: readonly number[];
}

function readFolder(folder: string): Map<string, Tensor> {
  if (!existsSync(folder)) throw new Error(`${folder} is missing`);
  const shards = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
  return new Map(shards.flatMap((name) => [...readFile(join(folder, name))]));
}

function readFile(path: string): Map<string, Tensor> {
  const file = readFileSync(path);
  const end = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, end)) as Record<string, HeaderEntry>;
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return new Map(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { dtype, shape, bytes: file.subarray(end + from, end + to) }],
    ),
  );
}

interface HeaderEntry {
  readonly dtype: FloatDtype;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}
