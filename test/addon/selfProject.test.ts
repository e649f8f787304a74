// C B for C = V V^T / |V|, and the cosine that it leaves, against the same sums made here in float64.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { withTarget } from "../differential/withTarget.js";
import { planOfMatrices } from "./fixtures/planOfMatrices.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-project-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();

/** Values that do not repeat, the same in each run. */
const values = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, at) => Math.sin(seed + at * 1.618) * Math.cos(at * 0.37 + seed));

interface Case {
  readonly outputs: number;
  readonly inputs: number;
  readonly rank: number;
  readonly transposed: boolean;
}

function parts({ outputs, inputs, rank }: Case) {
  return { v: values(outputs * inputs, 1), left: values(outputs * rank, 2), right: values(rank * inputs, 3) };
}

function project(one: Case, more: object = {}) {
  const { outputs, inputs, rank, transposed } = one;
  const { v, left, right } = parts(one);
  const stored = transposed ? turned(v, outputs, inputs) : v;
  const shape = transposed ? ([inputs, outputs] as const) : ([outputs, inputs] as const);
  const plan = planOfMatrices(join(folder, `${outputs}-${inputs}-${transposed}`), [{ shape, values: stored }]);
  return addon.selfProject({ plan, transposed, rank, left, right, least: 1e-9, threads: 2, ...more }).promise;
}

function turned(matrix: Float32Array, rows: number, cols: number): Float32Array {
  return Float32Array.from(
    { length: rows * cols },
    (_, at) => matrix[(at % rows) * cols + Math.floor(at / rows)] as number,
  );
}

/** left [rows, inner] x right [inner, cols]. */
function product(left: ArrayLike<number>, right: ArrayLike<number>, rows: number, inner: number, cols: number) {
  const made = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const x = left[i * inner + k] as number;
      for (let j = 0; j < cols; j++)
        made[i * cols + j] = (made[i * cols + j] as number) + x * (right[k * cols + j] as number);
    }
  }
  return made;
}

const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x).reduce((sum, one, at) => sum + one * (y[at] as number), 0);

function expected(one: Case) {
  const { outputs, inputs, rank } = one;
  const { v, left, right } = parts(one);
  const norm = Math.sqrt(dot(v, v));
  const back = product(turned(v, outputs, inputs), left, inputs, outputs, rank);
  const projected = product(v, back, outputs, inputs, rank).map((value) => value / norm);
  const [before, after] = [left, projected].map((b) => product(b, right, outputs, rank, inputs)) as [
    Float64Array,
    Float64Array,
  ];
  return { projected, norm, cosine: dot(before, after) / Math.sqrt(dot(before, before) * dot(after, after)) };
}

const CASES: readonly Case[] = [
  { outputs: 1, inputs: 1, rank: 1, transposed: false },
  { outputs: 70, inputs: 33, rank: 3, transposed: false },
  { outputs: 33, inputs: 130, rank: 8, transposed: false },
  { outputs: 65, inputs: 40, rank: 9, transposed: true },
  { outputs: 3, inputs: 7, rank: 16, transposed: true },
];

describe("a thin matrix projected by a large one's square", () => {
  it.each(CASES)("is V (V^T B) / |V|, $outputs x $inputs of rank $rank, transposed: $transposed", async (one) => {
    const got = await project(one);
    const want = expected(one);
    expect(Math.abs(got.norm / want.norm - 1)).toBeLessThan(1e-12);
    expect(Math.abs(got.cosine - want.cosine)).toBeLessThan(1e-9);
    const largest = Math.max(...want.projected.map(Math.abs));
    const off = Math.max(...want.projected.map((value, at) => Math.abs(value - (got.left[at] as number))));
    expect(off).toBeLessThan(1e-7 * largest);
  });

  it("has the same bits for any number of threads and instruction set", async () => {
    for (const one of CASES) {
      const all = [await project(one, { threads: 1 })];
      for (const target of addon.describe().targets.filter((name) => name !== "cuda")) {
        all.push(await withTarget(target, () => project(one, { threads: 3 })));
      }
      expect(
        all.every((made) => Buffer.from(made.left.buffer).equals(Buffer.from((all[0] as typeof made).left.buffer))),
      ).toBe(true);
      expect(new Set(all.map(({ cosine }) => cosine)).size).toBe(1);
    }
  });

  it("is nothing where V is next to nothing, and refuses NaN", async () => {
    const request = { transposed: false, rank: 1, threads: 1, least: 1e-9 };
    const thin = { left: Float32Array.of(1, 2), right: Float32Array.of(3, 4) };
    const of = (name: string, ...values: number[]) =>
      planOfMatrices(join(folder, name), [{ shape: [2, 2], values: Float32Array.from(values) }]);
    const { left, norm, cosine } = await addon.selfProject({
      ...request,
      ...thin,
      plan: of("small", 1e-11, 0, 0, 1e-11),
    }).promise;
    expect([[...left], cosine, norm < 1e-9]).toEqual([[0, 0], 0, true]);
    const plan = of("odd", 1, Number.NaN, 0, 1);
    await expect(addon.selfProject({ ...request, ...thin, plan }).promise).rejects.toMatchObject({ code: "BAD_INPUT" });
    const infinite = { ...thin, left: Float32Array.of(1, Number.POSITIVE_INFINITY), plan: of("plain", 1, 0, 0, 1) };
    await expect(addon.selfProject({ ...request, ...infinite }).promise).rejects.toMatchObject({ code: "BAD_INPUT" });
  });

  it("refuses factors that do not fit the matrix", () => {
    const plan = planOfMatrices(join(folder, "two-three"), [{ shape: [2, 3], values: new Float32Array(6) }]);
    const request = { plan, transposed: false, rank: 1, threads: 1, least: 0 };
    expect(() => addon.selfProject({ ...request, left: new Float32Array(3), right: new Float32Array(3) })).toThrow(
      /left/,
    );
    expect(() => addon.selfProject({ ...request, left: new Float32Array(2), right: new Float32Array(2) })).toThrow(
      /right/,
    );
  });
});
