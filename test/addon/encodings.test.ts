// Stored elements that are not plain: blocks of quantised ones, rows in another order, transposed matrices. What the
// engine makes of them, on every instruction set, against PyPI's gguf (test/golden/gguf/blocks.py) or a loop in JavaScript.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import type { BlockFormatName, NativeEncoding, NativePart, NativePlan } from "../../lib/addon/nativePlan.js";
import { withTarget } from "../differential/withTarget.js";
import { inputOf } from "./fixtures/plan.mjs";

const folder = mkdtempSync(join(tmpdir(), "retemper-encodings-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Golden {
  readonly blocks: string;
  readonly values: string;
}
const golden = JSON.parse(readFileSync(new URL("../golden/gguf/blocks.json", import.meta.url), "utf8")) as Record<
  BlockFormatName,
  Golden
>;
const addon = loadAddon();
const targets = addon.describe().targets.filter((target) => target !== "cuda");
let files = 0;

/** Copies a matrix of float32 that is stored so, by a plan of one tensor, and gives its values. */
async function decoded(
  stored: Uint8Array,
  [rows, cols]: readonly [number, number],
  encoding: NativeEncoding,
  {
    target = "",
    part = {},
    dtype = "F32",
    ...run
  }: Partial<NativePlan> & {
    readonly target?: string;
    readonly part?: Partial<NativePart>;
    readonly dtype?: "F32" | "F16" | "BF16";
  } = {},
): Promise<Float32Array> {
  const [input, output] = [join(folder, `in-${files}`), join(folder, `out-${files++}`)];
  writeFileSync(input, new Uint8Array([1, 2, 3, ...stored])); // at an odd offset
  const count = rows * cols;
  const plan: NativePlan = {
    inputs: [inputOf(input)],
    outputs: [{ path: output, size: 4 * count, header: new Uint8Array(0) }],
    tensors: [
      {
        ...{ name: "w", shape: [rows, cols], compute: "F32", outDtype: "F32", modelKeys: [0] },
        sources: [{ parts: [{ input: 0, offset: 3, dtype, count, rows, cols, encoding, ...part }] }],
        variants: [{ output: 0, offset: 0, params: { op: "copy" } }],
      },
    ],
    ...{ seed: 0, threads: 2, maxMemory: 0, reading: "auto", fsync: false },
    ...run,
  };
  await withTarget(target, () => addon.merge(plan).promise);
  const bytes = readFileSync(output);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

const floats = (base64: string) => new Float32Array(new Uint8Array(Buffer.from(base64, "base64")).buffer);
const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);

const blocks = (format: BlockFormatName, row: number): NativeEncoding => ({ kind: "blocks", blocks: format, row });

describe.each(Object.keys(golden) as BlockFormatName[])("blocks of %s", (format) => {
  const stored = Buffer.from(golden[format].blocks, "base64");
  const values = floats(golden[format].values);

  it.each(targets)("have the bits that gguf has for them, on %s", async (target) => {
    const [rows, cols] = [values.length / 256, 256];
    expect(bits(await decoded(stored, [rows, cols], blocks(format, cols), { target }))).toEqual(bits(values));
  });

  it("have the same bits where a file is not mapped", async () => {
    const [rows, cols] = [values.length / 256, 256];
    const read = await decoded(stored, [rows, cols], blocks(format, cols), { reading: "pread" });
    expect(bits(read)).toEqual(bits(values));
  });

  it("are read by rows in any order", async () => {
    const gather = { start: Uint32Array.of(0, 1, 2), part: Uint32Array.of(0, 0), row: Uint32Array.of(3, 1) };
    const [input, output] = [join(folder, `gathered-${format}`), join(folder, `gathered-${format}-out`)];
    writeFileSync(input, stored);
    const part = {
      input: 0,
      offset: 0,
      dtype: "F32",
      count: values.length,
      rows: values.length / 256,
      cols: 256,
    } as const;
    await addon.merge({
      inputs: [inputOf(input)],
      outputs: [{ path: output, size: 4 * 512, header: new Uint8Array(0) }],
      tensors: [
        {
          ...{ name: "w", shape: [2, 256], compute: "F32", outDtype: "F32", modelKeys: [0] },
          sources: [{ parts: [{ ...part, encoding: blocks(format, 256) }], gather }],
          variants: [{ output: 0, offset: 0, params: { op: "copy" } }],
        },
      ],
      ...{ seed: 0, threads: 1, maxMemory: 0, reading: "auto", fsync: false },
    }).promise;
    const read = new Float32Array(new Uint8Array(readFileSync(output)).buffer);
    expect(read).toEqual(Float32Array.of(...values.subarray(768, 1024), ...values.subarray(256, 512)));
  });

  it("are turned where the columns are the stored rows", async () => {
    const [rows, cols] = [256, values.length / 256];
    const read = await decoded(stored, [rows, cols], { ...blocks(format, rows), transposed: true });
    const turned = values.map((_, at) => values[(at % cols) * rows + Math.floor(at / cols)] as number);
    expect(read).toEqual(turned);
  });
});

describe("elements", () => {
  const values = Float32Array.from({ length: 8 * 5 }, (_, at) => at + 0.5);
  const stored = new Uint8Array(values.buffer);

  it("of rows whose halves are stored in turn come back in order", async () => {
    // Two groups of four rows: stored 0 2 1 3, as GGUF files hold q and k.
    const read = await decoded(stored, [8, 5], { kind: "elements", row: 5, interleave: 4 });
    const order = [0, 2, 1, 3, 4, 6, 5, 7];
    expect(read).toEqual(Float32Array.of(...order.flatMap((row) => [...values.subarray(row * 5, row * 5 + 5)])));
  });

  it("are added to", async () => {
    const read = await decoded(stored, [8, 5], { kind: "elements", row: 5, plus: -1 });
    expect(read).toEqual(values.map((value) => value - 1));
  });

  it("of a transposed matrix with more rows than a band are turned", async () => {
    const [rows, cols] = [77, 53];
    const all = Float32Array.from({ length: rows * cols }, (_, at) => at);
    const encoding = { kind: "elements", row: rows, transposed: true } as const;
    const read = await decoded(new Uint8Array(all.buffer), [rows, cols], encoding);
    expect(read).toEqual(all.map((_, at) => (at % cols) * rows + Math.floor(at / cols)));
  });
});

describe("a view", () => {
  interface View {
    readonly shape: readonly number[];
    readonly strides: readonly number[];
  }
  /** The values, one at a time. */
  const taken = ({ shape, strides }: View, all: Float32Array): Float32Array => {
    const count = shape.reduce((product, length) => product * length, 1);
    return Float32Array.from({ length: count }, (_, index) => {
      let [rest, at] = [index, 0];
      for (let side = shape.length - 1; side >= 0; side--) {
        at += (rest % (shape[side] as number)) * (strides[side] as number);
        rest = Math.floor(rest / (shape[side] as number));
      }
      return all[at] as number;
    });
  };

  it.each<[string, View]>([
    ["columns of a matrix", { shape: [70, 9], strides: [31, 1] }],
    ["every third column", { shape: [70, 10], strides: [31, 3] }],
    ["every second row", { shape: [35, 31], strides: [62, 1] }],
    ["columns of a matrix, turned", { shape: [40, 70], strides: [1, 53] }],
    ["sides in another order", { shape: [3, 45, 7, 5], strides: [2000, 1, 50, 400] }],
    ["one row many times", { shape: [70, 9], strides: [0, 1] }],
    ["one element many times", { shape: [50, 60], strides: [0, 0] }],
    ["elements many times", { shape: [50, 60], strides: [3, 0] }],
    ["a column far apart", { shape: [3, 4], strides: [12000, 3000] }],
    ["columns far apart", { shape: [3, 4], strides: [1, 9000] }],
  ])("of %s has its values, however the file is read", async (_, view) => {
    const last = view.shape.reduce((sum, length, side) => sum + (length - 1) * (view.strides[side] as number), 0);
    const all = Float32Array.from({ length: last + 1 }, (_, at) => at + 0.5);
    const expected = taken(view, all);
    const sides = view.shape.map((length, side) => ({ length, stride: view.strides[side] as number }));
    const encoding: NativeEncoding = { kind: "elements", row: expected.length, view: sides };
    const cols = view.shape.at(-1) as number;
    for (const reading of ["auto", "pread"] as const) {
      const read = await decoded(new Uint8Array(all.buffer), [expected.length / cols, cols], encoding, { reading });
      expect(read).toEqual(expected);
    }
  });

  const stored = new Uint8Array(4 * 4 * 32);
  it.each<[string, Partial<NativeEncoding>, string]>([
    [
      "that ends past the file",
      {
        view: [
          { length: 4, stride: 33 },
          { length: 32, stride: 1 },
        ],
      },
      "past the end",
    ],
    [
      "of more elements",
      {
        view: [
          { length: 5, stride: 1 },
          { length: 32, stride: 1 },
        ],
      },
      "another number of elements",
    ],
    ["without a length", { view: [{ length: 0, stride: 1 }] }, "a view's sides are none"],
    ["of a stride beyond any file", { view: [{ length: 128, stride: 2 ** 50 }] }, "a view's sides are none"],
    ["that is turned as well", { view: [{ length: 128, stride: 1 }], transposed: true }, "of plain elements"],
  ])("%s is refused", async (_, encoding, message) => {
    const all: NativeEncoding = { kind: "elements", row: 128, ...encoding };
    await expect(decoded(stored, [4, 32], all)).rejects.toThrow(message);
  });
});

describe("a plan", () => {
  const stored = new Uint8Array(34 * 4);
  it.each<[string, NativeEncoding, string]>([
    ["rows that are not whole blocks", blocks("Q8_0", 16), "an encoded row is not of whole blocks"],
    ["a row of nothing", { kind: "elements", row: 0 }, "encoded rows are not whole"],
    ["rows that do not fill the range", { kind: "elements", row: 60 }, "encoded rows are not whole"],
    [
      "groups of an odd number of rows",
      { ...blocks("Q8_0", 32), interleave: 3 },
      "interleaved rows are not in whole groups",
    ],
    ["more groups than rows", { ...blocks("Q8_0", 32), interleave: 8 }, "interleaved rows are not in whole groups"],
    [
      "both orders at once",
      { ...blocks("Q8_0", 32), interleave: 2, transposed: true },
      "transposed rows are interleaved",
    ],
    [
      "a format that is unknown",
      { kind: "blocks", blocks: "Q3_K" as "Q4_K", row: 32 },
      "blocks must be the name of a block format",
    ],
  ])("with %s is refused", async (_, encoding, message) => {
    await expect(decoded(stored, [4, 32], encoding)).rejects.toThrow(message);
  });

  it("whose blocks end past the file is refused", async () => {
    await expect(decoded(stored.subarray(1), [4, 32], blocks("Q8_0", 32))).rejects.toThrow("past the end");
  });
});
