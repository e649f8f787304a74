// Safe LoRA's product of a change with what aligned the model, and the part of a change that holds a share of its entropy:
// against their formulas in float64, on every instruction set.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { withTarget } from "../differential/withTarget.js";
import { hashedNumbers as numbers } from "./fixtures/hashedNumbers.js";
import { planOfMatrices } from "./fixtures/planOfMatrices.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-project-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();
const targets = addon.describe().targets.filter((target) => target !== "cuda");

function request(v: Float32Array, d: Float32Array, rows: number, threads = 2) {
  const matrices = [v, d].map((values) => ({ shape: [rows, values.length / rows] as const, values }));
  return { plan: planOfMatrices(join(folder, "matrices"), matrices), transposed: false, threads };
}

/** The addon's answer, with what it wrote behind four bytes that are not its own. */
async function project(asked: ReturnType<typeof request>) {
  const path = join(folder, "projected");
  writeFileSync(path, "kept");
  const found = await addon.project({ ...asked, path, offset: 4 }).promise;
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 4).toString()).toBe("kept");
  return { ...found, values: new Float32Array(new Uint8Array(bytes.subarray(4)).buffer) };
}

/** V (V^T D) / |V|. */
function formula(v: Float32Array, d: Float32Array, rows: number): Float64Array {
  const [n, cols] = [v.length / rows, d.length / rows];
  const inner = new Float64Array(n * cols);
  for (let k = 0; k < rows; k++) {
    for (let i = 0; i < n; i++) {
      const one = v[k * n + i] as number;
      for (let j = 0; j < cols; j++)
        inner[i * cols + j] = (inner[i * cols + j] as number) + one * (d[k * cols + j] as number);
    }
  }
  const norm = Math.hypot(...v);
  const made = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < n; k++) {
      const one = (v[i * n + k] as number) / norm;
      for (let j = 0; j < cols; j++)
        made[i * cols + j] = (made[i * cols + j] as number) + one * (inner[k * cols + j] as number);
    }
  }
  return made;
}

describe("the product with what aligned a model", () => {
  it.each([
    ["a tall matrix", 150, 40, 40],
    ["a wide one", 40, 150, 150],
    ["thin factors", 90, 70, 3],
    ["more columns than are computed at a time", 30, 20, 530],
  ])("is V (V^T D) / |V| for %s", async (_, rows, n, cols) => {
    const [v, d] = [numbers(rows * n, 1), numbers(rows * cols, 2)];
    const made = await project(request(v, d, rows));
    const expected = formula(v, d, rows);
    const norm = Math.hypot(...expected);
    expect(Math.hypot(...made.values.map((value, at) => value - (expected[at] as number))) / norm).toBeLessThan(1e-6);
    expect(made.norm / Math.hypot(...v)).toBeCloseTo(1, 7);
    expect(made.square / Math.hypot(...d) ** 2).toBeCloseTo(1, 6);
    expect(made.projected / norm ** 2).toBeCloseTo(1, 5);
    const dot = expected.reduce((sum, value, at) => sum + value * (d[at] as number), 0);
    expect(made.dot / dot).toBeCloseTo(1, 5);
  });

  it("takes matrices that are stored by their columns", async () => {
    const [v, d] = [numbers(7 * 5, 6), numbers(7 * 4, 7)];
    const turned = (values: Float32Array, rows: number) =>
      values.map((_, at) => values[(at % rows) * (values.length / rows) + Math.floor(at / rows)] as number);
    const plain = await project(request(v, d, 7));
    const matrices = [
      { shape: [5, 7], values: turned(v, 7) },
      { shape: [4, 7], values: turned(d, 7) },
    ] as const;
    const stored = { plan: planOfMatrices(join(folder, "turned"), matrices), transposed: true, threads: 2 };
    const made = await project(stored);
    expect(made).toEqual({ ...plain, values: turned(plain.values, 7) });
  });

  it("has the same bits on every instruction set and for any number of threads", async () => {
    const [v, d] = [numbers(70 * 40, 3), numbers(70 * 40, 4)];
    const all = [];
    for (const target of targets) {
      for (const threads of [1, 3]) all.push(await withTarget(target, () => project(request(v, d, 70, threads))));
    }
    expect(all.length).toBeGreaterThan(1);
    for (const made of all) expect(made).toEqual(all[0]);
  });

  it("adds a third matrix to what is written, and writes nothing without a place", async () => {
    const matrices = [1, 2, 3].map((seed) => ({ shape: [30, 20] as const, values: numbers(600, seed) }));
    const three = planOfMatrices(join(folder, "three"), matrices);
    const sum = await project({ plan: three, transposed: false, threads: 2 });
    const asked = request(numbers(600, 1), numbers(600, 2), 30);
    const { values, ...facts } = await project(asked);
    expect(sum).toEqual({ ...facts, values: values.map((value, at) => value + (numbers(600, 3)[at] as number)) });
    expect(await addon.project(asked).promise).toEqual(facts);
  });

  it("checks what it is given", async () => {
    const good = request(numbers(12, 1), numbers(12, 2), 3);
    const one = { ...good.plan, tensors: good.plan.tensors.slice(1) };
    expect(() => addon.project({ ...good, plan: one, path: "x", offset: 0 })).toThrow(/two tensors/);
    const other = planOfMatrices(join(folder, "other"), [
      { shape: [2, 2], values: numbers(4, 1) },
      { shape: [3, 4], values: numbers(12, 2) },
    ]);
    await expect(project({ ...good, plan: other })).rejects.toMatchObject({ code: "USAGE" });
    const nowhere = { ...good, path: join(folder, "none", "file"), offset: 0 };
    await expect(addon.project(nowhere).promise).rejects.toMatchObject({ code: "IO", file: nowhere.path });
    const broken = request(numbers(12, 1).fill(Number.NaN, 3, 4), numbers(12, 2), 3);
    await expect(project(broken)).rejects.toMatchObject({ code: "BAD_INPUT" });
  });
});

describe("the part of a change with a share of its entropy", () => {
  it("has the same bits on every instruction set and for any number of threads, tall or wide", async () => {
    for (const [rows, cols] of [
      [30, 45],
      [45, 30],
    ] as const) {
      const path = join(folder, "matrix");
      writeFileSync(path, new Uint8Array(numbers(rows * cols, 5).buffer));
      const all = [];
      for (const target of targets) {
        for (const threads of [1, 3]) {
          const asked = { path, offset: 0, rows, cols, rank: 1, entropy: 0.8, threads };
          all.push(await withTarget(target, () => addon.factorise(asked).promise));
        }
      }
      expect(all[0]?.rank).toBeGreaterThan(5);
      expect(all[0]?.rank).toBeLessThan(30);
      for (const made of all) expect(made).toEqual(all[0]);
    }
  });
});
