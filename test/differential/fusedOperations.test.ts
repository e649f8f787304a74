// Each fused operation of the native engine against its composition of ordinary ops, over random specs: shapes, dtypes,
// biases, norms, activations, caps, windows, rotations; and steps of several sequences that grow, fork and end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memory, type Tensor2D, tensor2d, tidy } from "@tensorflow/tfjs-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Dtype } from "../../lib/addon/dtype.js";
import { loadAddon } from "../../lib/addon/load.js";
import { openCheckpoint } from "../../lib/checkpoint/open.js";
import type { Checkpoint } from "../../lib/checkpoint/types.js";
import { startNative } from "../../lib/nn/engines/native/startNative.js";
import type { RunningEngine } from "../../lib/nn/engines/runningEngine.js";
import { attend } from "../../lib/nn/ops/attend.js";
import { BlockCache } from "../../lib/nn/ops/blockCache.js";
import { embed, head, mlp, output, project } from "../../lib/nn/ops/compose.js";
import { runAttend, runEmbed, runHead, runMlp, runOutput, runProject } from "../../lib/nn/ops/kernels.js";
import type { Activation, AttendSpec, Matrix, Norm, Rows, Weight } from "../../lib/nn/ops/specs.js";
import { long } from "../long.js";
import { encode, type FloatDtype } from "./dtypes.js";
import { uniform } from "./random.js";
import { writeSafetensors } from "./safetensors.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-fused-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Random choices, and a checkpoint of the weights that were asked for. */
class Draw {
  readonly next: () => number;
  readonly #seed: number;
  readonly #tensors: { name: string; dtype: Dtype; shape: number[]; bytes: Uint8Array }[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    this.next = uniform(seed);
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  of<T>(...choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
  normal(): number {
    return (this.next() + this.next() + this.next() + this.next() - 2) * 1.7;
  }
  activations(rows: number, width: number): Tensor2D {
    return tensor2d(
      Float32Array.from({ length: rows * width }, () => this.normal()),
      [rows, width],
    );
  }
  weight(shape: number[], scale: number): Weight {
    const name = `w${this.#tensors.length}`;
    const dtype = this.of<FloatDtype>("BF16", "F16", "F32");
    const values = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => this.normal() * scale);
    this.#tensors.push({ name, dtype, shape, bytes: encode(values, dtype) });
    return { name, shape } as unknown as Weight;
  }
  matrix(out: number, width: number): Matrix {
    const layout = this.of("out-in", "out-in", "in-out");
    const weight = this.weight(layout === "out-in" ? [out, width] : [width, out], 1 / Math.sqrt(width));
    return { weight, layout, out, in: width, bias: this.of(undefined, this.weight([out], 1)) };
  }
  norm(width: number): Norm {
    const kind = this.of("rms", "layer");
    return {
      kind,
      weight: this.weight([width], 1),
      bias: kind === "layer" ? this.of(undefined, this.weight([width], 1)) : undefined,
      epsilon: this.of(1e-6, 1e-3),
      plusOne: this.of(false, true),
    };
  }
  maybeNorm(width: number): Norm | undefined {
    return this.of(undefined, this.norm(width));
  }
  /** The spec with its weights' places in a file, and the native engine over it. */
  async place<S extends object>(spec: S): Promise<{ spec: S; engine: RunningEngine }> {
    const own = mkdtempSync(join(folder, `${this.#seed}-`));
    writeSafetensors(join(own, "model.safetensors"), this.#tensors, 8, this.below(2) * 2);
    const checkpoint = await openCheckpoint(own, { addon: loadAddon() });
    const engine = await startNative(checkpoint, [], { threads: this.of(1, 2, 3) });
    return { spec: placed(spec, checkpoint) as S, engine };
  }
}

function placed(value: unknown, checkpoint: Checkpoint): unknown {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map((part) => placed(part, checkpoint));
  if ("name" in value) return { ...value, stored: checkpoint.tensors.get(value.name as string) };
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, placed(part, checkpoint)]));
}

/** Rows [id, position, slot]. */
function rowsOf(list: readonly (readonly [number, number, number])[]): Rows {
  const column = (i: 0 | 1 | 2) => Int32Array.from(list, (row) => row[i]);
  return { ids: column(0), positions: column(1), slots: column(2), variants: new Int32Array(list.length) };
}

const someRows = (draw: Draw, count: number, ids: number, positions: number) =>
  rowsOf(Array.from({ length: count }, (_, slot) => [draw.below(ids), draw.below(positions), slot]));

/** The greatest difference, in units of the results' size. */
function off(actual: Tensor2D, expected: Tensor2D): number {
  expect(actual.shape).toEqual(expected.shape);
  const a = actual.dataSync();
  const b = expected.dataSync();
  let size = 1;
  for (const value of b) size = Math.max(size, Math.abs(value));
  let most = 0;
  a.forEach((value, i) => {
    most = Math.max(most, Number.isNaN(value) ? Number.POSITIVE_INFINITY : Math.abs(value - (b[i] as number)));
  });
  return most / size;
}

const SEEDS = long ? Array.from({ length: 12 }, (_, i) => i + 1) : [1, 2, 4];
const CLOSE = 5e-6;

describe.each(SEEDS)("drawn with seed %d", (seed) => {
  let engine: RunningEngine | undefined;
  let tensors = 0;
  afterEach(() => {
    engine?.runtime.dispose();
    engine = undefined;
    expect(memory().numTensors).toBe(tensors);
  });
  async function start<S extends object>(draw: Draw, spec: S): Promise<S> {
    const found = await draw.place(spec);
    engine = found.engine;
    tensors = memory().numTensors;
    return found.spec;
  }
  const runtime = () => (engine as RunningEngine).runtime;

  it("embeds", async () => {
    const draw = new Draw(seed);
    const width = 1 + draw.below(90);
    const table = draw.weight([40, width], 1);
    const positions = draw.of(undefined, draw.weight([30, width], 1));
    const spec = await start(draw, { table, positions, scale: draw.of(1, Math.fround(Math.sqrt(width))) });
    const attributes = { spec, rows: someRows(draw, 1 + draw.below(20), 40, 30), runtime: runtime() };
    tidy(() => {
      expect(off(runEmbed(attributes), embed(attributes))).toBe(0);
    });
  });

  it("projects", async () => {
    const draw = new Draw(seed);
    const width = 1 + draw.below(150);
    const matrices = Array.from({ length: 1 + draw.below(5) }, () => draw.matrix(1 + draw.below(90), width));
    const spec = await start(draw, { norm: draw.maybeNorm(width), matrices });
    const count = draw.of(1, 3, 40);
    const attributes = { spec, rows: someRows(draw, count, 9, 9), runtime: runtime() };
    tidy(() => {
      const x = draw.activations(count, width);
      expect(off(runProject(x, attributes), project(x, attributes))).toBeLessThan(CLOSE);
    });
  });

  it("adds outputs to residuals", async () => {
    const draw = new Draw(seed);
    const [width, hidden] = [1 + draw.below(150), 1 + draw.below(90)];
    const spec = await start(draw, { matrix: draw.matrix(hidden, width), postNorm: draw.maybeNorm(hidden) });
    const count = draw.of(1, 2, 33);
    const attributes = { spec, rows: someRows(draw, count, 9, 9), runtime: runtime() };
    tidy(() => {
      const x = draw.activations(count, width);
      const residual = draw.activations(count, hidden);
      expect(off(runOutput(x, residual, attributes), output(x, residual, attributes))).toBeLessThan(CLOSE);
    });
  });

  it("runs MLPs", async () => {
    const draw = new Draw(seed);
    const [hidden, inner] = [1 + draw.below(90), 1 + draw.below(200)];
    const spec = await start(draw, {
      norm: draw.norm(hidden),
      gate: draw.of(undefined, draw.matrix(inner, hidden)),
      up: draw.matrix(inner, hidden),
      down: draw.matrix(hidden, inner),
      activation: draw.of<Activation>("silu", "gelu", "gelu_tanh", "relu"),
      postNorm: draw.maybeNorm(hidden),
    });
    const count = draw.of(1, 5, 29);
    const attributes = { spec, rows: someRows(draw, count, 9, 9), runtime: runtime() };
    tidy(() => {
      const x = draw.activations(count, hidden);
      expect(off(runMlp(x, attributes), mlp(x, attributes))).toBeLessThan(CLOSE);
    });
  });

  it("gives logits", async () => {
    const draw = new Draw(seed);
    const [hidden, vocabulary] = [1 + draw.below(90), 1 + draw.below(300)];
    const softcap = draw.of(undefined, 4);
    const spec = await start(draw, { norm: draw.norm(hidden), matrix: draw.matrix(vocabulary, hidden), softcap });
    const rows = someRows(draw, 9, 9, 9);
    const wanted = draw.of(Int32Array.of(8), Int32Array.of(3, 0, 3), Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8));
    const attributes = { spec, rows, wanted, runtime: runtime() };
    tidy(() => {
      const x = draw.activations(9, hidden);
      expect(off(runHead(x, attributes), head(x, attributes))).toBeLessThan(CLOSE);
    });
  });

  it("attends, while sequences grow, fork and end", async () => {
    const draw = new Draw(seed);
    const kvHeads = 1 + draw.below(3);
    const headDim = draw.of(8, 16, 24, 40, 64, 80);
    const half = 1 + draw.below(headDim / 2);
    const frequencies = (by: number) => Float32Array.from({ length: half }, (_, i) => by * 100 ** (-i / half));
    const long = draw.of(undefined, { from: 100, inverseFrequencies: frequencies(0.25) });
    const spec = await start<AttendSpec>(draw, {
      layer: 0,
      heads: kvHeads * (1 + draw.below(5)),
      kvHeads,
      headDim,
      scale: 1 / Math.sqrt(headDim),
      softcap: draw.of(undefined, 3),
      window: draw.of(undefined, 7, 90),
      rope: draw.of(undefined, { inverseFrequencies: frequencies(1), magnitude: draw.of(1, 1.2), long }),
      ...draw.of({}, { queryNorm: draw.norm(headDim), keyNorm: draw.norm(headDim) }),
    });
    const shape = { layers: [{ kvHeads, headDim }], slots: 6, tokens: 3000 };
    const native = runtime().createCache(shape);
    const composed = new BlockCache(shape);
    const lengths = new Map<number, number>();
    for (let step = 0; step < 14; step++) {
      const list: [number, number, number][] = [];
      for (let slot = 0; slot < 4; slot++) {
        const length = lengths.get(slot) ?? 0;
        if (draw.next() < 0.4 && lengths.size > 0) continue;
        const count = length === 0 ? 1 + draw.below(150) : draw.of(1, 1, 1, 30);
        for (let i = 0; i < count; i++) list.push([0, length + i, slot]);
        lengths.set(slot, length + count);
      }
      const rows = { ...rowsOf(list), contexts: new Int32Array(list.length).fill(long && seed % 2 === 0 ? 500 : 50) };
      tidy(() => {
        if (list.length === 0) return;
        const x = draw.activations(list.length, (spec.heads + 2 * kvHeads) * headDim);
        const attributes = { spec, rows, runtime: runtime() };
        const result = runAttend(x, { ...attributes, cache: native });
        expect(off(result, attend(x, { ...attributes, cache: composed }))).toBeLessThan(CLOSE);
      });
      const [from, to] = [draw.below(4), draw.below(4)];
      const length = lengths.get(from) ?? 0;
      if (from === to || length === 0 || draw.next() < 0.6) continue;
      const kept = 1 + draw.below(length);
      for (const cache of [native, composed]) {
        cache.release(to);
        cache.fork(from, to, kept);
      }
      lengths.set(to, kept);
    }
    for (const cache of [native, composed]) cache.dispose();
  });
});
