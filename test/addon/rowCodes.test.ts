// Rows of FP8 codes and their scales, as the engine writes them: the same bytes on every instruction set and for any number of
// threads, and plans that contradict themselves.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { NativePlan, NativeTensor } from "../../lib/addon/nativePlan.js";
import { uniform } from "../differential/random.js";
import { withTarget } from "../differential/withTarget.js";
import { inputOf } from "./fixtures/plan.mjs";

const folder = mkdtempSync(join(tmpdir(), "retemper-row-codes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const addon = loadAddon();
const targets = addon.describe().targets.filter((target) => target !== "cuda");

/** More than one block of the engine, of which no whole number of rows is one. */
const [ROWS, COLS] = [560, 272];
const input = join(folder, "in");
const random = uniform(7);
// bfloat16 numbers of both signs between 2^-15 and 2
const high = () => (random() < 0.5 ? 0x80 : 0) + 0x38 + Math.floor(8 * random());
writeFileSync(
  input,
  Uint8Array.from({ length: 2 * ROWS * COLS }, (_, i) => (i % 2 === 0 ? 256 * random() : high())),
);
let files = 0;

type Changes = (codes: NativeTensor, scales: NativeTensor) => readonly NativeTensor[];

function planOf(changes: Changes = (codes, scales) => [codes, scales]): NativePlan {
  const params = { op: "linear", weights: [0.5], normalize: false } as const;
  const count = ROWS * COLS;
  const shared = { compute: "F32", outDtype: "BF16", modelKeys: [0] } as const;
  const codes: NativeTensor = {
    ...{ ...shared, name: "w", shape: [ROWS, COLS], form: { codes: "F8_E4M3" } },
    sources: [{ parts: [{ input: 0, offset: 0, dtype: "BF16", count, rows: ROWS, cols: COLS }] }],
    variants: [{ output: 0, offset: 0, params }],
  };
  const scales: NativeTensor = {
    ...{ ...shared, name: "w_scale", shape: [ROWS, 1], sources: [], scalesOf: 0 },
    variants: [{ output: 0, offset: count, params }],
  };
  const output = { path: join(folder, `out-${files++}`), size: count + 2 * ROWS, header: new Uint8Array(0) };
  return {
    ...{ inputs: [inputOf(input)], outputs: [output], tensors: changes(codes, scales) },
    ...{ seed: 0, threads: 2, maxMemory: 0, reading: "auto", fsync: false },
  };
}

async function written(plan: NativePlan, target = ""): Promise<Buffer> {
  await withTarget(target, () => addon.merge(plan).promise);
  return readFileSync(plan.outputs[0]?.path as string);
}

describe("rows of codes", () => {
  it("have the same bytes on every instruction set, and for any number of threads", async () => {
    const first = await written(planOf(), targets[0]);
    expect(new Set(first.subarray(0, ROWS * COLS)).size).toBeGreaterThan(200);
    for (const target of targets) {
      expect((await written({ ...planOf(), threads: 1 }, target)).equals(first)).toBe(true);
      expect((await written({ ...planOf(), threads: 4 }, target)).equals(first)).toBe(true);
    }
  });

  const moved = (tensor: NativeTensor, offset: number): NativeTensor => {
    return { ...tensor, variants: tensor.variants.map((variant) => ({ ...variant, offset })) };
  };
  const wrong: Record<string, Changes> = {
    "scales before their rows": (codes, scales) => [moved(scales, 0), moved(codes, 2 * ROWS)],
    "scales of a tensor that has none": ({ form: _, ...codes }, scales) => [codes, moved(scales, 2 * ROWS * COLS)],
    "scales do not fit their rows": (codes, scales) => [codes, { ...scales, outDtype: "F32" }],
    "codes are of no such values": (codes, scales) => [{ ...codes, outDtype: "F64" }, scales],
    "rows of codes have another form": (codes, scales) => [{ ...codes, form: { codes: "F8_E4M3", plus: 1 } }, scales],
  };
  it.each(Object.entries(wrong))("are refused in a plan that contradicts itself: %s", async (message, changes) => {
    await expect(addon.merge(planOf(changes)).promise).rejects.toThrow(message);
  });
});
