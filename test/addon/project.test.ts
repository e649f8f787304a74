// Safe LoRA's product of a change with what aligned the model, and the part of a change that holds a share of its entropy:
// against their formulas in float64, on every instruction set.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { withTarget } from "../differential/withTarget.js";
import { hashedNumbers as numbers } from "./fixtures/hashedNumbers.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-project-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();
const targets = addon.describe().targets.filter((target) => target !== "cuda");

/** Both matrices in one file, V behind D. */
function request(v: Float32Array, d: Float32Array, rows: number, threads = 2) {
  const path = join(folder, "matrices");
  writeFileSync(path, Buffer.concat([d, v].map(({ buffer }) => new Uint8Array(buffer as ArrayBuffer))));
  const change = { offset: d.byteLength, rows, cols: v.length / rows };
  return { path, change, tensor: { offset: 0, rows, cols: d.length / rows }, transposed: false, threads };
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
    const made = await addon.project(request(v, d, rows)).promise;
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
    const plain = await addon.project(request(v, d, 7)).promise;
    const asked = request(turned(v, 7), turned(d, 7), 7);
    const change = { ...asked.change, rows: 5, cols: 7 };
    const stored = { ...asked, change, tensor: { ...asked.tensor, rows: 4, cols: 7 }, transposed: true };
    const made = await addon.project(stored).promise;
    expect(made).toEqual({ ...plain, values: turned(plain.values, 7) });
  });

  it("has the same bits on every instruction set and for any number of threads", async () => {
    const [v, d] = [numbers(70 * 40, 3), numbers(70 * 40, 4)];
    const all = [];
    for (const target of targets) {
      for (const threads of [1, 3])
        all.push(await withTarget(target, () => addon.project(request(v, d, 70, threads)).promise));
    }
    expect(all.length).toBeGreaterThan(1);
    for (const made of all) expect(made).toEqual(all[0]);
  });

  it("checks what it is given", async () => {
    const good = request(numbers(12, 1), numbers(12, 2), 3);
    const odd = { ...good, tensor: { ...good.tensor, offset: 2 } };
    expect(() => addon.project(odd)).toThrow(/offset/);
    expect(() => addon.project({ ...good, change: { ...good.change, rows: 0 } })).toThrow(/rows and cols/);
    const far = { ...good, change: { ...good.change, rows: 2 ** 20 } };
    await expect(addon.project(far).promise).rejects.toMatchObject({ code: "BAD_INPUT" });
    const other = { ...good, change: { offset: 0, rows: 2, cols: 2 } };
    await expect(addon.project(other).promise).rejects.toMatchObject({ code: "USAGE" });
    const broken = request(numbers(12, 1).fill(Number.NaN, 3, 4), numbers(12, 2), 3);
    await expect(addon.project(broken).promise).rejects.toMatchObject({ code: "BAD_INPUT" });
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
