// Controls that keep how much a tuning changed, and not what.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../../../lib/addon/load.js";
import { openCheckpoint } from "../../../../lib/checkpoint/open.js";
import { everyOneElsewhere } from "../../../../lib/experiment/controls/changeDelta.js";
import {
  type DeltaControl,
  layersOfOneShape,
  writeDeltaControl,
} from "../../../../lib/experiment/controls/deltaControl.js";
import { merge } from "../../../../lib/merge/merge.js";
import { widen } from "../../../../lib/nn/engines/reference/widen.js";
import { wordStream } from "../../../../lib/random/wordStream.js";
import { long } from "../../../long.js";

const folder = mkdtempSync(join(tmpdir(), "delta-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const models = { aligned: "demo/model", tuned: "demo/model+demo/adapters/seed-42" };
type Tensors = Map<string, Float32Array>;

async function tensorsOf(model: string): Promise<Tensors> {
  const { tensors, files } = await openCheckpoint(model, { addon: loadAddon() });
  return new Map(
    [...tensors].map(([name, { file, offset, bytes, dtype }]) => {
      const path = files[file]?.path as string;
      return [name, widen(loadAddon().readBytes(path, offset, offset + bytes), dtype)];
    }),
  );
}

let aligned: Tensors;
let tuned: Tensors;

/** Model less aligned. */
function deltas(model: Tensors): Tensors {
  return new Map(
    [...model].map(([name, values]) => [name, values.map((value, at) => value - (aligned.get(name)?.[at] as number))]),
  );
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * (b[at] as number), 0);

async function made(kind: DeltaControl, seed = "42", name = `${kind}-${seed}`): Promise<Tensors> {
  const out = join(folder, name);
  await writeDeltaControl(kind, models, out, { seed });
  return tensorsOf(out);
}

beforeAll(async () => {
  aligned = await tensorsOf("demo/model");
  const whole = join(folder, "tuned");
  await merge(
    { merge_method: "linear", models: [{ model: models.tuned, parameters: { weight: 1 } }], dtype: "float32" } as never,
    whole,
  );
  tuned = await tensorsOf(whole);
});

describe("a random direction", () => {
  it("is as long as the tuning's change in every tensor, and has nothing to do with it", async () => {
    const [own, control] = [deltas(tuned), deltas(await made("random"))];
    let changed = 0;
    for (const [name, delta] of own) {
      const other = control.get(name) as Float32Array;
      if (norm(delta) === 0) {
        expect(norm(other), name).toBe(0);
        continue;
      }
      changed += 1;
      expect(norm(other) / norm(delta), name).toBeCloseTo(1, 5);
      // four standard deviations of the cosine to a random direction
      expect(Math.abs(dot(delta, other)) / norm(delta) / norm(other), name).toBeLessThan(4 / Math.sqrt(delta.length));
    }
    expect(changed).toBe(28);
  });

  it.runIf(long)("is the same to the byte for a seed, and another one for another seed", async () => {
    await made("random", "42", "again");
    await made("random", "7");
    const [first, again, other] = ["random-42", "again", "random-7"].map((name) =>
      readFileSync(join(folder, name, "model.safetensors")),
    );
    expect(again?.equals(first as Buffer)).toBe(true);
    expect(other?.equals(first as Buffer)).toBe(false);
  });

  it("leaves nothing else behind", () => {
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

describe("shuffled entries", () => {
  it.runIf(long)("are the tuning's own in another order, tensor by tensor", async () => {
    const [own, control] = [deltas(tuned), deltas(await made("shuffled_entries"))];
    const name = "model.layers.2.mlp.down_proj.weight";
    const [a, b] = [own.get(name), control.get(name)] as [Float32Array, Float32Array];
    const [x, y] = [Float32Array.from(a).sort(), Float32Array.from(b).sort()];
    const furthest = x.reduce((most, value, at) => Math.max(most, Math.abs(value - (y[at] as number))), 0);
    expect(furthest).toBeLessThan(1e-6); // the sum with the aligned model is rounded to float32
    expect(Math.abs(dot(a, b)) / norm(a) / norm(b)).toBeLessThan(0.05);
  });
});

describe("shuffled layers", () => {
  it("have each layer's change as a whole in another layer", async () => {
    const [own, control] = [deltas(tuned), deltas(await made("shuffled_layers"))];
    const layers = [0, 1, 2, 3];
    const from = (place: number, part: string) =>
      layers.filter((layer) => {
        const [a, b] = [own.get(`model.layers.${layer}.${part}`), control.get(`model.layers.${place}.${part}`)];
        return a?.every((value, at) => Math.abs(value - (b?.[at] as number)) < 1e-6);
      });
    const sources = layers.map((place) => from(place, "self_attn.q_proj.weight"));
    expect(sources.map((found) => found.length)).toEqual([1, 1, 1, 1]);
    expect([...sources.flat()].sort()).toEqual(layers);
    for (const [place, [source]] of sources.entries()) expect(source).not.toBe(place);
    for (const part of ["mlp.down_proj.weight", "self_attn.v_proj.weight"]) {
      expect(layers.map((place) => from(place, part))).toEqual(sources);
    }
  });

  it("move among layers of the same names and shapes alone", () => {
    const tensor = (name: string, shape: number[]) =>
      ({ name, shape, dtype: "F32", file: 0, offset: 0, bytes: 0 }) as const;
    const groups = layersOfOneShape([
      tensor("embed.weight", [9, 4]),
      ...[0, 1, 2].map((at) => tensor(`encoder.layers.${at}.q.weight`, [4, at === 1 ? 8 : 4])),
      ...[0, 1].map((at) => tensor(`decoder.layers.${at}.q.weight`, [4, 4])),
      tensor("decoder.layers.0.experts.3.weight", [2, 2]),
      tensor("decoder.layers.1.experts.3.weight", [2, 2]),
    ]);
    expect(groups.map((group) => group.map((layer) => [...layer.values()].map(({ name }) => name)))).toEqual([
      [["encoder.layers.0.q.weight"], ["encoder.layers.2.q.weight"]],
      [["encoder.layers.1.q.weight"]],
      [0, 1].map((at) => [`decoder.layers.${at}.q.weight`, `decoder.layers.${at}.experts.3.weight`]),
    ]);
  });

  it("draw every order without a fixed place as often as any other", () => {
    const word = wordStream("orders");
    const counts = new Map<string, number>();
    for (let time = 0; time < 9000; time++) {
      const order = everyOneElsewhere(4, word).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(9);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150); // five standard deviations
    expect(everyOneElsewhere(1, word)).toEqual([0]);
  });
});
