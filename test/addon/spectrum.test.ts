// All singular values of a matrix in a file, against matrices whose singular values are known: products of reflections.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { withTarget } from "../differential/withTarget.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-spectrum-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();

/** H_u diag(sizes) H_v, where H_u turns [rows] and H_v [cols]: 1 - 2 w w^T with |w| = 1. */
function matrix(rows: number, cols: number, sizes: readonly number[]): Float32Array {
  const [u, v] = [rows, cols].map((length, side) => {
    const w = Float64Array.from({ length }, (_, at) => Math.sin(1 + at * (side + 0.7)));
    const norm = Math.hypot(...w);
    return w.map((value) => value / norm);
  }) as [Float64Array, Float64Array];
  const turned = (w: Float64Array, at: number, k: number) =>
    Number(at === k) - 2 * (w[at] as number) * (w[k] as number);
  return Float32Array.from({ length: rows * cols }, (_, at) => {
    const [i, j] = [Math.floor(at / cols), at % cols];
    return sizes.reduce((sum, size, k) => sum + size * turned(u, i, k) * turned(v, j, k), 0);
  });
}

async function spectrum(values: Float32Array, rows: number, cols: number, threads = 2): Promise<Float64Array> {
  const path = join(folder, "matrix");
  writeFileSync(path, new Uint8Array(values.buffer));
  return addon.spectrum({ path, matrix: { offset: 0, rows, cols }, threads }).promise;
}

describe("the singular values of a matrix", () => {
  it.each([
    ["wide", 40, 75],
    ["tall", 75, 40],
  ])("are found, squared, of a %s one", async (_, rows, cols) => {
    const sizes = [7, 4, 2, 1, 0.1];
    const found = await spectrum(matrix(rows, cols, sizes), rows, cols);
    expect(found.length).toBe(40);
    const total = sizes.reduce((sum, size) => sum + size ** 2, 0);
    for (const [k, value] of found.entries()) {
      expect(Math.abs(value - (sizes[k] ?? 0) ** 2) / total).toBeLessThan(1e-7);
    }
  });

  it("have the same bits for any number of threads and on every instruction set", async () => {
    const values = matrix(70, 150, [3, 2, 1]);
    const found: Float64Array[] = [];
    for (const target of addon.describe().targets.filter((name) => name !== "cuda")) {
      for (const threads of [1, 3]) found.push(await withTarget(target, () => spectrum(values, 70, 150, threads)));
    }
    expect(found.length).toBeGreaterThan(1);
    for (const one of found) expect(one).toEqual(found[0]);
  });

  it("are refused of values that are not finite, files that are too short, and arguments that are none", async () => {
    const values = matrix(10, 12, [1]);
    values[5] = Number.NaN;
    await expect(spectrum(values, 10, 12)).rejects.toMatchObject({ code: "BAD_INPUT" });
    await expect(spectrum(values, 10, 13)).rejects.toMatchObject({ code: "BAD_INPUT" });
    const path = join(folder, "matrix");
    expect(() => addon.spectrum({ path, matrix: { offset: 2, rows: 2, cols: 2 }, threads: 1 })).toThrow(/offset/);
    expect(() => addon.spectrum({ path, matrix: { offset: 0, rows: 0, cols: 2 }, threads: 1 })).toThrow(/rows/);
  });
});
