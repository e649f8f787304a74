// The nearest matrix of a rank, against matrices whose singular values are known: made of cosines, which are orthonormal.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { withTarget } from "../differential/withTarget.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-factorise-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();

/** Value `at` of the cosine transform's basis vector `k` of a length. */
const cosine = (k: number, at: number, length: number) =>
  Math.sqrt((k === 0 ? 1 : 2) / length) * Math.cos((Math.PI * (at + 0.5) * k) / length);

function matrix(rows: number, cols: number, sizes: readonly number[]): Float32Array {
  const values = new Float32Array(rows * cols);
  const [left, right] = [rows, cols].map((length) =>
    sizes.map((_, k) => Float64Array.from({ length }, (_, at) => cosine(k, at, length))),
  ) as [Float64Array[], Float64Array[]];
  for (let i = 0; i < rows; i++) {
    const scaled = sizes.map((size, k) => size * (left[k]?.[i] as number));
    for (let j = 0; j < cols; j++) {
      values[i * cols + j] = scaled.reduce((sum, one, k) => sum + one * (right[k]?.[j] as number), 0);
    }
  }
  return values;
}

async function factorise(values: Float32Array, rows: number, cols: number, rank: number, more: object = {}) {
  const path = join(folder, "matrix");
  writeFileSync(path, new Uint8Array(values.buffer));
  return addon.factorise({ path, offset: 0, rows, cols, rank, threads: 2, ...more }).promise;
}

/** The norm of what a product lacks of a matrix, computed here. */
function rest(values: Float32Array, rows: number, cols: number, made: Awaited<ReturnType<typeof factorise>>): number {
  const { rank, left, right } = made;
  let square = 0;
  for (let i = 0; i < rows; i++) {
    const row = Float64Array.from(values.subarray(i * cols, (i + 1) * cols));
    for (let k = 0; k < rank; k++) {
      const times = left[i * rank + k] as number;
      for (let j = 0; j < cols; j++) row[j] = (row[j] as number) - times * (right[k * cols + j] as number);
    }
    for (const value of row) square += value ** 2;
  }
  return Math.sqrt(square);
}

const norm = (sizes: readonly number[]) => Math.hypot(...sizes);
const count = (n: number, size: (k: number) => number) => Array.from({ length: n }, (_, k) => size(k));

describe("the nearest matrix of a rank", () => {
  it.each([
    ["that fall as a power", 150, 220, count(150, (k) => 1 / (k + 1))],
    ["that fall fast", 220, 150, count(60, (k) => 10 ** (-k / 10))],
    ["that hardly differ", 160, 160, count(160, (k) => 1 - k / 1000)],
    ["of which one is far above all others", 180, 140, [1000, ...count(139, (k) => 1 / (k + 1))]],
  ] as const)("is as near as singular values allow, of sizes %s", async (_, rows, cols, sizes) => {
    const values = matrix(rows, cols, sizes);
    const made = await factorise(values, rows, cols, 8);
    expect(made.rank).toBe(8);
    const best = norm(sizes.slice(8));
    expect(rest(values, rows, cols, made) / best - 1).toBeLessThan(3e-6);
    // What it says of itself is true.
    expect(Math.sqrt(made.lost) / rest(values, rows, cols, made)).toBeCloseTo(1, 5);
    expect(Math.sqrt(made.square) / norm(sizes)).toBeCloseTo(1, 6);
  });

  it("is the matrix itself at full rank, and has no higher rank than the matrix", async () => {
    const values = matrix(
      20,
      30,
      count(20, (k) => 1 / (k + 1)),
    );
    const whole = await factorise(values, 20, 30, 64);
    expect(whole.rank).toBe(20);
    expect(rest(values, 20, 30, whole)).toBe(0);
    const low = matrix(90, 300, [3, 2, 1]);
    const made = await factorise(low, 90, 300, 16);
    expect(made.rank).toBe(3);
    expect(rest(low, 90, 300, made) / norm([3, 2, 1])).toBeLessThan(1e-6);
    expect((await factorise(new Float32Array(600), 20, 30, 4)).rank).toBe(0);
  });

  it("has the lowest rank that keeps a share of the squared norm", async () => {
    const sizes = [4, 3, 2, 1]; // squares 16, 9, 4, 1 of 30
    const values = matrix(30, 40, sizes);
    const rank = async (energy: number) => (await factorise(values, 30, 40, 30, { energy })).rank;
    expect([await rank(0.5), await rank(0.6), await rank(0.9), await rank(0.97)]).toEqual([1, 2, 3, 4]);
  });

  it("has the same bytes for any number of threads and on every instruction set", async () => {
    const values = matrix(
      150,
      333,
      count(150, (k) => 1 / (k + 1)),
    );
    const made: Awaited<ReturnType<typeof factorise>>[] = [];
    for (const target of addon.describe().targets.filter((name) => name !== "cuda")) {
      for (const threads of [1, 3])
        made.push(await withTarget(target, () => factorise(values, 150, 333, 12, { threads })));
    }
    expect(made.length).toBeGreaterThan(1);
    for (const one of made) expect(one).toEqual(made[0]);
  });

  it("refuses values that are not finite, files that are too short, and arguments that are none", async () => {
    const values = matrix(10, 12, [1]);
    values[5] = Number.NaN;
    await expect(factorise(values, 10, 12, 2)).rejects.toMatchObject({ code: "BAD_INPUT" });
    await expect(factorise(values, 10, 13, 2)).rejects.toMatchObject({ code: "BAD_INPUT" });
    const path = join(folder, "matrix");
    expect(() => addon.factorise({ path, offset: 2, rows: 2, cols: 2, rank: 1, threads: 1 })).toThrow(/offset/);
    expect(() => addon.factorise({ path, offset: 0, rows: 0, cols: 2, rank: 1, threads: 1 })).toThrow(/rows/);
  });
});
