// The cache by itself: what it holds after sequences joined, parted, forked and ended, against plain lists.

import { memory, type Tensor4D, tensor4d, tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { useReference } from "../../../../lib/nn/engines/reference/startReference.js";
import { BlockCache } from "../../../../lib/nn/ops/blockCache.js";
import type { Rows } from "../../../../lib/nn/ops/specs.js";
import type { Group } from "../../../../lib/nn/ops/step.js";

beforeAll(useReference);

const SHAPE = {
  layers: [
    { kvHeads: 2, headDim: 3 },
    { kvHeads: 1, headDim: 2 },
  ],
  slots: 40,
  tokens: 4000,
};

/** Steps of a cache and, beside it, the numbers that each slot should hold: one a position. */
class Model {
  readonly cache = new BlockCache(SHAPE);
  readonly held = new Map<number, number[]>();
  private next = 1;

  /** Reads `counts` new tokens of each slot and checks what every layer then holds. */
  step(counts: ReadonlyMap<number, number>): void {
    const ids: number[] = [];
    const rows = { ids: [] as number[], positions: [] as number[], slots: [] as number[] };
    for (const [slot, count] of counts) {
      const own = this.held.get(slot) ?? [];
      for (let i = 0; i < count; i++) {
        rows.positions.push(own.length);
        rows.slots.push(slot);
        own.push(this.next);
        ids.push(this.next++);
      }
      this.held.set(slot, own);
    }
    const typed: Rows = {
      ids: Int32Array.from(ids),
      positions: Int32Array.from(rows.positions),
      slots: Int32Array.from(rows.slots),
      variants: new Int32Array(ids.length),
    };
    const { groups } = this.cache.step(typed);
    for (const layer of SHAPE.layers.keys()) {
      for (const group of groups) tidy(() => this.check(layer, group, ids));
    }
  }

  private check(layer: number, group: Group, ids: readonly number[]): void {
    const { kvHeads, headDim } = SHAPE.layers[layer] as { kvHeads: number; headDim: number };
    const { runs, width } = group;
    const make = (sign: number): Tensor4D => {
      const values = runs.map(({ start, count }) =>
        Array.from({ length: kvHeads }, (_, head) =>
          Array.from({ length: width }, (_, i) =>
            Array.from({ length: headDim }, (_, d) =>
              i < count ? sign * ((ids[start + i] as number) * 100 + layer * 50 + head * 10 + d) : -1,
            ),
          ),
        ),
      );
      return tensor4d(values);
    };
    const parts = this.cache.extend(layer, group, make(1), make(-1));
    runs.forEach(({ slot }, run) => {
      const columns = group.columns[run] as readonly number[];
      const found: [position: number, keys: number[], values: number[]][] = [];
      let column = 0;
      for (const { keys, values } of parts) {
        const k = keys.arraySync();
        const v = values.arraySync();
        for (let i = 0; i < keys.shape[2]; i++, column++) {
          const position = columns[column] as number;
          const all = (of: number[][][][]) => (of[run] as number[][][]).flatMap((head) => head[i] as number[]);
          if (position >= 0) found.push([position, all(k), all(v)]);
        }
      }
      expect(column).toBe(columns.length);
      found.sort((a, b) => a[0] - b[0]);
      const want = (this.held.get(slot) as number[]).map((id, position) => {
        const numbers = Array.from({ length: kvHeads * headDim }, (_, at) => {
          return id * 100 + layer * 50 + Math.floor(at / headDim) * 10 + (at % headDim);
        });
        return [position, numbers, numbers.map((x) => -x)];
      });
      expect(found).toEqual(want);
    });
  }

  fork(from: number, to: number, length: number): void {
    this.cache.fork(from, to, length);
    this.held.set(to, (this.held.get(from) as number[]).slice(0, length));
  }

  release(slot: number): void {
    this.cache.release(slot);
    this.held.delete(slot);
  }
}

describe("BlockCache", () => {
  it("holds what sequences were given, however they join, part, fork and end, and frees it all", () => {
    const before = memory().numTensors;
    let state = 12345;
    const random = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    const model = new Model();
    for (let step = 0; step < 150; step++) {
      const live = [...model.held.keys()];
      const counts = new Map<number, number>();
      const prefill = random(4) === 0;
      for (const slot of live) if (!prefill || random(2) === 0) counts.set(slot, random(8) === 0 ? 1 + random(6) : 1);
      const free = Array.from({ length: 12 }, (_, i) => i).filter((slot) => !model.held.has(slot));
      if (free.length > 0 && random(3) === 0) counts.set(free[random(free.length)] as number, 1 + random(9));
      if (counts.size > 0) model.step(counts);
      const now = [...model.held.keys()];
      const other = free.find((slot) => !model.held.has(slot));
      if (other !== undefined && now.length > 0 && random(5) === 0) {
        const from = now[random(now.length)] as number;
        model.fork(from, other, 1 + random((model.held.get(from) as number[]).length));
      }
      if (now.length > 4 && random(3) === 0) model.release(now[random(now.length)] as number);
    }
    expect(model.cache.bytes).toBeGreaterThan(0);
    model.cache.dispose();
    expect(model.cache.bytes).toBe(0);
    expect(memory().numTensors).toBe(before);
  });

  it("appends to a short part beside a long one, so that a step does not copy everything", () => {
    const cache = new BlockCache({ layers: [{ kvHeads: 8, headDim: 64 }], slots: 1, tokens: 1000 });
    const rows = (start: number, count: number): Rows => ({
      ids: new Int32Array(count),
      positions: Int32Array.from({ length: count }, (_, i) => start + i),
      slots: new Int32Array(count),
      variants: new Int32Array(count),
    });
    const extend = (start: number, count: number) => {
      const [group] = cache.step(rows(start, count)).groups;
      const fresh = () => tensor4d(new Float32Array(8 * count * 64), [1, 8, count, 64]);
      return cache.extend(0, group as Group, fresh(), fresh());
    };
    const [long] = extend(0, 200);
    for (let i = 200; i < 300; i++) {
      const parts = extend(i, 1);
      expect(parts[0]).toBe(long);
      expect(parts.reduce((sum, { keys }) => sum + keys.shape[2], 0)).toBe(i + 1);
    }
    cache.dispose();
  });

  it("shares what forked sequences have in common until they go on", () => {
    const model = new Model();
    model.step(new Map([[0, 50]]));
    const alone = model.cache.bytes;
    for (let slot = 1; slot < 20; slot++) model.fork(0, slot, 50);
    expect(model.cache.bytes).toBe(alone);
    model.release(0);
    model.step(new Map(Array.from({ length: 19 }, (_, i) => [i + 1, 1])));
    expect(model.cache.bytes).toBeGreaterThan(15 * alone);
    model.cache.dispose();
  });
});
