// Generation's kernels as the addon gives them: right answers, wrong arguments, files that change, threads that end.

import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, truncateSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import {
  HEAD_DIM,
  HEADS,
  HIDDEN,
  INNER,
  identityOf,
  KV_HEADS,
  openSmall,
  type SmallDecoder,
  VOCABULARY,
  writeWeights,
} from "./fixtures/smallDecoder.mjs";

const addon = loadAddon();
const QKV = (HEADS + 2 * KV_HEADS) * HEAD_DIM;
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-runtime-"));
  path = join(folder, "weights");
  writeWeights(path);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const floats = (n: number) => new Float32Array(n);
const sequence = (slot: number, ids: readonly number[], from = 0) =>
  ids.map((id, i): [number, number, number] => [id, from + i, slot]);
const usage = (message: string | RegExp) =>
  expect.objectContaining({ code: "USAGE", message: expect.stringMatching(message) });

describe("the operations", () => {
  it("give a sequence the same bits alone, in pieces, forked, in a batch, and on one thread or three", () => {
    const ids = Array.from({ length: 70 }, (_, i) => (i * 13) % VOCABULARY);
    const one = openSmall(addon, path, { threads: 1 });
    const expected = one.step(sequence(0, ids));
    expect(expected.some((value) => Math.abs(value) > 0.01)).toBe(true);
    const three = openSmall(addon, path, { threads: 3 });
    three.step([...sequence(2, [5, 6, 7]), ...sequence(0, ids.slice(0, 30))]);
    three.cache.fork(0, 3, 20);
    expect(three.step([...sequence(2, [8], 3), ...sequence(0, ids.slice(30), 30)])).toEqual(expected);
    expect(three.step([...sequence(0, [1], 70), ...sequence(3, ids.slice(20), 20)])).toEqual(expected);
    for (const { runtime } of [one, three]) runtime.close();
  });

  it("give the same bits in one call, for prompts and single tokens, on one thread or three", () => {
    const ids = Array.from({ length: 70 }, (_, i) => (i * 17) % VOCABULARY);
    const one = openSmall(addon, path, { threads: 1 });
    const expected = [one.step(sequence(0, ids)), one.step(sequence(0, [3], 70)), one.step(sequence(0, [5], 71))];
    for (const threads of [1, 3]) {
      const small = openSmall(addon, path, { threads });
      small.whole(sequence(2, [5, 6, 7]));
      expect(small.whole([...sequence(2, [8], 3), ...sequence(0, ids)])).toEqual(expected[0]);
      expect(small.whole(sequence(0, [3], 70))).toEqual(expected[1]);
      expect(small.step(sequence(0, [5], 71))).toEqual(expected[2]);
      small.runtime.close();
    }
    one.runtime.close();
  });

  it("find the greatest logit and the sum of all", () => {
    const { runtime } = openSmall(addon, path);
    const x = Float32Array.of(1, 3, 3, -2, 0, -1, Number.NaN, 7, 7);
    const ids = new Int32Array(3);
    runtime.argMax(x, ids);
    expect([...ids]).toEqual([1, 1, 1]);
    const none = Float32Array.of(Number.NaN, Number.NaN, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY);
    const first = new Int32Array(2).fill(-1);
    runtime.argMax(none, first);
    expect([...first]).toEqual([0, 0]);
    const sums = new Float64Array(2);
    runtime.logSumExp(x.subarray(0, 6), sums);
    const sum = (...values: number[]) => Math.log(values.reduce((total, value) => total + Math.exp(value), 0));
    expect(sums[0]).toBeCloseTo(sum(1, 3, 3), 6);
    expect(sums[1]).toBeCloseTo(sum(-2, 0, -1), 6);
    runtime.close();
  });

  it("multiply by a matrix and, for gradients, by its transpose", () => {
    const { runtime, matrix, weight } = openSmall(addon, path);
    const identity = floats(HIDDEN * HIDDEN);
    for (let i = 0; i < HIDDEN; i++) identity[i * HIDDEN + i] = 1;
    const transposed = floats(HIDDEN * INNER);
    runtime.linear(matrix("up"))(identity, transposed); // column i of W
    const back = floats(INNER * HIDDEN);
    const unit = floats(INNER * INNER);
    for (let i = 0; i < INNER; i++) unit[i * INNER + i] = 1;
    runtime.linearBackward(matrix("up"))(unit, back); // row i of W
    const rows = floats(INNER * HIDDEN);
    runtime.gather(weight("up"))(
      Int32Array.from({ length: INNER }, (_, i) => i),
      rows,
    );
    expect(back).toEqual(rows);
    expect(runtime.vector(weight("up"))).toEqual(rows);
    for (let o = 0; o < INNER; o++) {
      for (let i = 0; i < HIDDEN; i++) expect(transposed[i * INNER + o]).toBe(rows[o * HIDDEN + i]);
    }
    runtime.close();
  });
});

describe("arguments", () => {
  let small: SmallDecoder;
  beforeAll(() => {
    small = openSmall(addon, path);
    small.runtime.setStep(Int32Array.of(1, 2), Int32Array.of(0, 1), Int32Array.of(0, 0), new Int32Array(2));
  });
  afterAll(() => small.runtime.close());
  // The types forbid most of these; native code must not rely on that.
  type Anything = (...args: unknown[]) => unknown;
  const untyped = (object: object, name: string) => (object as Record<string, Anything>)[name] as Anything;

  it.each<[string, unknown[]]>([
    ["openRuntime", []],
    ["openRuntime", [{ threads: 0, precision: "float32" }]],
    ["openRuntime", [{ threads: 1.5, precision: "float32" }]],
    ["openRuntime", [{ threads: 1e9, precision: "float32" }]],
    ["openRuntime", [{ threads: 1, precision: "float16" }]],
  ])("%s%j is refused with code USAGE", (name, args) => {
    expect(() => untyped(addon, name)(...args)).toThrowError(usage(/./));
  });

  it.each<[string, unknown[], RegExp]>([
    ["embed", [], /y must be a Float32Array/],
    ["embed", [new Float64Array(2 * HIDDEN)], /y must be a Float32Array/],
    ["embed", [floats(HIDDEN)], /y has 48 values, expected 2 x 48/],
    ["embed", [floats(0)], /expected 2 x 48/],
    ["project", [floats(2 * HIDDEN - 1), floats(2 * QKV)], /no rows of 48/],
    ["project", [floats(2 * HIDDEN), floats(2 * QKV + 1)], /expected 2 x 128/],
    ["project", [floats(HIDDEN), floats(QKV)], /1 rows in a step of 2/],
    ["project", [[], floats(QKV)], /x must be a Float32Array/],
    ["attend", [floats(2 * QKV), "0", floats(2 * 64)], /cache must be/],
    ["attend", [floats(2 * QKV), 7, floats(2 * 64)], /cache was disposed of/],
    ["attend", [floats(2 * QKV), -1, floats(2 * 64)], /cache must be/],
    ["attend", [floats(QKV), 0, floats(64)], /1 rows in a step of 2/],
    ["attend", [floats(2 * QKV), 0, floats(64)], /expected 2 x 64/],
    ["output", [floats(2 * 64), floats(HIDDEN), floats(2 * HIDDEN)], /residual has 48 values/],
    ["mlp", [floats(2 * HIDDEN), floats(HIDDEN)], /expected 2 x 48/],
    ["head", [floats(2 * HIDDEN), Int32Array.of(2), floats(VOCABULARY)], /row 2 was wanted/],
    ["head", [floats(2 * HIDDEN), Int32Array.of(-1), floats(VOCABULARY)], /row -1 was wanted/],
    ["head", [floats(2 * HIDDEN), [0], floats(VOCABULARY)], /wanted must be an Int32Array/],
    ["head", [floats(2 * HIDDEN), Int32Array.of(0, 1), floats(VOCABULARY)], /expected 2 x 100/],
    ["decoder", ["0", Int32Array.of(1), floats(VOCABULARY)], /cache must be/],
    ["decoder", [7, Int32Array.of(1), floats(VOCABULARY)], /cache was disposed of/],
    ["decoder", [0, [1], floats(VOCABULARY)], /wanted must be an Int32Array/],
    ["decoder", [0, Int32Array.of(0, 1), floats(VOCABULARY)], /expected 2 x 100/],
    ["decoder", [0, Int32Array.of(2), floats(VOCABULARY)], /row 2 was wanted/],
  ])("%s is refused what does not fit (%#)", (name, args, message) => {
    expect(() => untyped(small.operations, name)(...args)).toThrowError(usage(message));
  });

  it("are refused where the result would be written over what is read", () => {
    const both = floats(4 * HIDDEN);
    const { mlp, output } = small.operations;
    expect(() => mlp(both.subarray(0, 2 * HIDDEN), both.subarray(HIDDEN, 3 * HIDDEN))).toThrowError(usage(/writes?/));
    const x = floats(2 * 64);
    expect(() => output(x, both.subarray(0, 2 * HIDDEN), both.subarray(0, 2 * HIDDEN))).toThrowError(usage(/write/));
  });

  it("are refused where a step is none", () => {
    const set = untyped(small.runtime, "setStep");
    const two = () => new Int32Array(2);
    expect(() => set(two(), two(), two())).toThrowError(usage(/variants must be an Int32Array/));
    expect(() => set(two(), two(), two(), new Int32Array(1))).toThrowError(usage(/equally many/));
    expect(() => set(two(), Int32Array.of(0, 2), two(), two())).toThrowError(usage(/position after/));
    expect(() => set(two(), Int32Array.of(0, 1), two(), Int32Array.of(0, 1))).toThrowError(usage(/variant 1/));
    small.runtime.setStep(Int32Array.of(VOCABULARY, 2), Int32Array.of(0, 1), two(), two());
    expect(() => small.operations.embed(floats(2 * HIDDEN))).toThrowError(usage(/token 100 is outside/));
    small.runtime.setStep(Int32Array.of(1, 2), Int32Array.of(5, 6), two(), two());
    expect(() => small.operations.attend(floats(2 * QKV), 0, floats(2 * 64))).toThrowError(usage(/cannot come next/));
    small.runtime.setStep(Int32Array.of(1, 2), Int32Array.of(0, 1), Int32Array.of(9, 9), two());
    expect(() => small.operations.attend(floats(2 * QKV), 0, floats(2 * 64))).toThrowError(usage(/no slot 9/));
    small.runtime.setStep(Int32Array.of(1, 2), Int32Array.of(0, 1), two(), two());
  });

  it("are refused where a training's term or parameter is none", () => {
    const { runtime, matrix } = small;
    const [inputs, outputs, rank] = [80, HIDDEN, 2];
    const term = () => ({
      ...{ scale: 1, a: floats(inputs * rank), b: floats(outputs * rank) },
      ...{ da: floats(inputs * rank), db: floats(outputs * rank) },
    });
    const train = (change: object) =>
      untyped(runtime, "trainOutput")({ matrix: matrix("down") }, [{ ...term(), ...change }]);
    expect(() => train({})).not.toThrow();
    const adorned = { rate: 0.5, drop: new Uint32Array(2) };
    expect(() => train(adorned)).not.toThrow();
    for (const [change, message] of [
      [{ scale: "1" }, "a term's scale must be a number"],
      [{ a: new Float64Array(inputs) }, "a term's a must be a Float32Array"],
      [{ a: floats(inputs + 1) }, "a term's a has no rows of 80"],
      [{ b: floats(3) }, "a term's b must be a Float32Array of 96 values"],
      [{ db: [] }, "a term's db must be a Float32Array"],
      [{ magnitudes: floats(outputs) }, "a term's dMagnitudes must be a Float32Array"],
      [{ ...adorned, drop: new Uint32Array(1) }, "a term's drop must be a Uint32Array of 2 values"],
      [{ ...adorned, rate: 1 }, "a term's rate must be between 0 and 1"],
    ] as const) {
      expect(() => train(change)).toThrowError(expect.objectContaining({ code: "USAGE", message }));
    }
    const optimizer = untyped(runtime, "optimizer");
    expect(() => optimizer([[floats(2), floats(2), floats(2), floats(3)]])).toThrowError(usage(/different sizes/));
    expect(() => optimizer([[floats(2), [], floats(2), floats(2)]])).toThrowError(usage(/must be a Float32Array/));
    const { step } = optimizer([[floats(2), floats(2), floats(2), floats(2)]]) as { step: Anything };
    expect(() => step(1, 2, 3)).toThrowError(usage(/each value of a step must be a number/));
  });

  it("are refused where a spec is none", () => {
    const { runtime, weight, matrix, norm } = small;
    const refuses = (name: keyof typeof runtime, spec: unknown, message: RegExp, code = "USAGE") =>
      expect(() => untyped(runtime, name)(spec)).toThrowError(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
    refuses("embed", undefined, /spec must be an object/);
    refuses("embed", { table: weight("table") }, /scale must be a number/);
    refuses("embed", { table: { ...weight("table"), file: 3 }, scale: 1 }, /file that is open/);
    refuses("embed", { table: { ...weight("table"), dtype: "F12" }, scale: 1 }, /dtype must be/);
    refuses("embed", { table: { ...weight("table"), offset: -4 }, scale: 1 }, /offset must be/);
    refuses("embed", { table: { ...weight("table"), rows: 2 ** 40 }, scale: 1 }, /rows must be/);
    refuses("embed", { table: { ...weight("table"), rows: 2 ** 30 }, scale: 1 }, /has no bytes/, "BAD_INPUT");
    refuses("embed", { table: { ...weight("table"), dtype: "I32" }, scale: 1 }, /stored as I32/, "INCOMPATIBLE");
    refuses("project", { matrices: [] }, /needs a matrix/);
    refuses("project", { matrices: [matrix("q"), matrix("down")] }, /80 features where 48/);
    refuses("project", { norm: { ...norm("norm"), kind: "batch" }, matrices: [matrix("q")] }, /rms or layer/);
    refuses("linear", { ...matrix("q"), bias: weight("norm") }, /its bias has 48/, "INCOMPATIBLE");
    refuses("output", { matrix: matrix("up"), postNorm: norm("norm") }, /48 features where 80/);
    const attend = { layer: 0, heads: 4, kvHeads: 2, headDim: 16, scale: 1 };
    refuses("attend", { ...attend, heads: 3 }, /multiple/);
    refuses("attend", { ...attend, headDim: 0 }, /at least one value/);
    refuses("attend", { ...attend, window: 0 }, /at least 1/);
    refuses("attend", { ...attend, rope: { inverseFrequencies: floats(9), magnitude: 1 } }, /cannot turn more/);
    refuses("attend", { ...attend, rope: { inverseFrequencies: [1], magnitude: 1 } }, /a Float32Array/);
    refuses("mlp", { norm: norm("norm"), up: matrix("up"), down: matrix("down"), activation: "swish" }, /silu, gelu/);
    const { embed, layer, head } = small.specs;
    refuses("decoder", { embed, layers: [layer] }, /spec must be an object/);
    refuses("decoder", { embed, layers: [{}], head }, /spec must be an object/);
    refuses(
      "decoder",
      { embed, layers: [{ ...layer, attend: { ...attend, heads: 2 } }], head },
      /attention takes rows of 96 .* gets 128/,
    );
    refuses("createCache", { layers: [{ kvHeads: 2 }], slots: 1, tokens: 1 }, /headDim must be/);
    const endless = { layers: [{ kvHeads: 2, headDim: 16 }], slots: 1, tokens: 2 ** 40, elements: "float32" };
    refuses("createCache", endless, /system does not give/, "OUT_OF_MEMORY");
    refuses("openFile", { path, size: 1, inode: "x", mtimeNs: "0" }, /inode must be decimal digits/);
    const cache = runtime.createCache({
      layers: [{ kvHeads: 1, headDim: 8 }],
      slots: 1,
      tokens: 1,
      elements: "float32",
    });
    const { attend: run } = small.operations;
    expect(() => run(floats(2 * QKV), cache.id, floats(2 * 64))).toThrowError(usage(/not one of this model/));
    cache.dispose();
    cache.dispose();
    expect(() => cache.release(0)).toThrowError(usage(/disposed/));
    expect(() => run(floats(2 * QKV), cache.id, floats(2 * 64))).toThrowError(usage(/disposed/));
  });

  it("of a cache name slots and lengths that there are", () => {
    const { cache } = openSmall(addon, path);
    const fork = untyped(cache, "fork");
    expect(() => fork(0, 1, -1)).toThrowError(usage(/length must be/));
    expect(() => fork(0, 9, 1)).toThrowError(usage(/no slot 9/));
    expect(() => fork(0, 1, 1)).toThrowError(usage(/holds 0 positions/));
    expect(() => untyped(cache, "release")("0")).toThrowError(usage(/slot must be/));
  });
});

describe("a runtime", () => {
  it("says that its cache is full, and goes on when sequences have ended", () => {
    const { step, cache, runtime } = openSmall(addon, path, { slots: 2, tokens: 64 }); // three pages
    const long = Array.from({ length: 192 }, (_, i) => i % VOCABULARY);
    step(sequence(0, long));
    expect(() => step(sequence(1, [1]))).toThrowError(
      expect.objectContaining({ code: "OUT_OF_MEMORY", hint: expect.stringMatching(/fewer sequences/) }),
    );
    cache.release(0);
    expect(step(sequence(1, [1]))).toHaveLength(VOCABULARY);
    runtime.close();
  });

  it("closes twice, and every use after that is an error", () => {
    const small = openSmall(addon, path);
    small.runtime.close();
    small.runtime.close();
    expect(() => small.step([[1, 0, 0]])).toThrowError(usage(/closed/));
    expect(() => small.operations.embed(floats(0))).toThrowError(usage(/closed/));
    expect(() => small.cache.release(0)).toThrowError(usage(/closed/));
    expect(() => small.runtime.embed({ table: small.weight("table"), scale: 1 })).toThrowError(usage(/closed/));
    small.cache.dispose();
  });

  it("stays closed when a getter of a spec closes it", () => {
    const small = openSmall(addon, path);
    const spec = {
      table: small.weight("table"),
      get scale() {
        small.runtime.close();
        return 1;
      },
    };
    expect(() => small.runtime.embed(spec)).toThrowError(usage(/closed/));
  });

  it("refuses a file that is another one by now", () => {
    const other = join(folder, "other");
    writeWeights(other);
    const identity = identityOf(other);
    const runtime = addon.openRuntime({ threads: 1, precision: "float32" });
    const changed = expect.objectContaining({ code: "BAD_INPUT", file: other });
    expect(() => runtime.openFile({ ...identity, size: identity.size - 4 })).toThrowError(changed);
    expect(() => runtime.openFile({ ...identity, inode: "1" })).toThrowError(changed);
    expect(() => runtime.openFile({ ...identity, path: join(folder, "none") })).toThrowError(
      expect.objectContaining({ code: "BAD_INPUT" }),
    );
    expect(runtime.openFile(identity)).toBe(0);
    runtime.close();
  });

  it("ends a step with an error when its file is changed, or cut off under the mapping", () => {
    for (const change of [
      (file: string) => appendFileSync(file, "x"),
      (file: string) => utimesSync(file, 1, 1),
      (file: string) => truncateSync(file, 4096), // reading the rest raises SIGBUS
    ]) {
      const file = join(folder, "changing");
      writeWeights(file);
      const { step, runtime } = openSmall(addon, file);
      step([[1, 0, 0]]);
      change(file);
      expect(() => step([[2, 1, 0]])).toThrowError(
        expect.objectContaining({ code: "BAD_INPUT", file, message: expect.stringMatching(/changed/) }),
      );
      runtime.close();
    }
  });
});

describe("runtimes in other threads", () => {
  // In a process of their own: what they leave behind is counted there.
  it("compute side by side, are terminated in the middle of steps, and leave no thread and no file behind", async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [fixture("terminateRuntimes.mjs"), path]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({ same: true, threads: 0, files: 0, still: true });
  });

  it("take 10,000 steps without growing", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", fixture("manySteps.mjs"), path]);
    const { steps, grown } = JSON.parse(stdout);
    expect(steps).toBe(10_000);
    expect(grown).toBeLessThan(8 * 2 ** 20);
  });
});
