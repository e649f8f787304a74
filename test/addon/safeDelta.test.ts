// What Safe Delta keeps of a layer's change: against its formula in float64, and against its authors' own layer.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { withTarget } from "../differential/withTarget.js";
import { casesOf } from "../long.js";
import { hashedNumbers as numbers } from "./fixtures/hashedNumbers.js";

interface Case {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly tokens: number;
  readonly s: number;
  readonly dead: readonly number[];
  readonly kept: number;
  /** The values are those of the columns from here on. */
  readonly first: number;
  readonly formula: readonly number[];
  readonly own: readonly number[];
}

const golden = join(import.meta.dirname, "..", "golden", "subspace", "safe-delta.json");
const cases: readonly Case[] = JSON.parse(readFileSync(golden, "utf8"));
const folder = mkdtempSync(join(tmpdir(), "retemper-safe-delta-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();
const targets = addon.describe().targets.filter((target) => target !== "cuda");

const turned = (values: Float32Array, rows: number) =>
  values.map((_, at) => values[(at % rows) * (values.length / rows) + Math.floor(at / rows)] as number);

/** The inputs of makeSafeDelta.py. */
function request({ rows, cols, tokens, s, dead }: Case, threads = 2, transposed = false) {
  const x = numbers(tokens * cols, 1).map((value, at) => {
    const column = at % cols;
    return dead.includes(column) ? 0 : value * Math.fround(0.2 + ((column * 7) % 11) / 5);
  });
  const aligned = numbers(rows * cols, 2);
  const tenth = Math.fround(0.1);
  const change = numbers(rows * cols, 3).map((value) => value * tenth);
  const tuned = aligned.map((value, at) => value + (change[at] as number));
  const path = join(folder, "layer");
  const weights = [aligned, tuned].map((values) => (transposed ? turned(values, rows) : values));
  writeFileSync(path, Buffer.concat([x, ...weights].map(({ buffer }) => new Uint8Array(buffer as ArrayBuffer))));
  const place = (offset: number) => (transposed ? { offset, rows: cols, cols: rows } : { offset, rows, cols });
  const [a, f] = [place(x.byteLength), place(x.byteLength + aligned.byteLength)];
  const inputs = { path, offset: 0, rows: tokens, cols };
  return { path, layers: [{ aligned: a, tuned: f }], inputs, transposed, s, threads };
}

async function kept(asked: ReturnType<typeof request>) {
  const [made] = await addon.keepSafeDelta(asked).promise;
  if (!made) throw new Error("nothing was made");
  return made;
}

describe("what Safe Delta keeps of a change", () => {
  // The last one takes seconds: its inverse has 2,070 rows.
  it.each(casesOf(cases, cases.slice(0, -1)))("is what its formula and its authors' layer keep: $name", async (one) => {
    const made = await kept(request(one));
    expect(made.kept).toBe(one.kept);
    const seen = made.values.filter((_, at) => at % one.cols >= one.first);
    const apart = (want: readonly number[]) =>
      want.reduce((most, value, at) => Math.max(most, Math.abs(value - (seen[at] ?? Number.NaN))), 0);
    expect(seen.length).toBe(one.formula.length);
    // Weights are up to 0.5; the authors' layer computes in float32.
    expect(apart(one.formula)).toBeLessThan(1e-7);
    expect(apart(one.own)).toBeLessThan(1e-6);
  });

  it("has the same bits on every instruction set, for any number of threads, and stored by columns", async () => {
    const one = cases[1] as Case;
    const all = [];
    for (const target of targets) {
      for (const threads of [1, 3]) all.push(await withTarget(target, () => kept(request(one, threads))));
    }
    for (const made of all) expect(made).toEqual(all[0]);
    const stored = await kept(request(one, 2, true));
    expect(turned(stored.values, one.cols)).toEqual(all[0]?.values);
    const several = request(one);
    const [layer] = several.layers;
    const same = await addon.keepSafeDelta({ ...several, layers: [layer, layer] as typeof several.layers }).promise;
    expect(same).toEqual([all[0], all[0]]);
  });

  it("checks what it is given", async () => {
    const good = request(cases[0] as Case);
    expect(() => addon.keepSafeDelta({ ...good, inputs: { ...good.inputs, rows: 0 } })).toThrow(/rows and cols/);
    const other = { ...good, inputs: { ...good.inputs, cols: 23 } };
    await expect(addon.keepSafeDelta(other).promise).rejects.toMatchObject({ code: "USAGE" });
    const far = { ...good, layers: good.layers.map((own) => ({ ...own, tuned: { ...own.tuned, offset: 2 ** 30 } })) };
    await expect(addon.keepSafeDelta(far).promise).rejects.toMatchObject({ code: "BAD_INPUT" });
  });
});
