// Models compared tensor by tensor, on tensors whose numbers can be worked out by hand.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Dtype } from "../../../lib/addon/dtype.js";
import { loadAddon } from "../../../lib/addon/load.js";
import type { Addon } from "../../../lib/addon/surface.js";
import { type ComparedTensor, compareTensors } from "../../../lib/merge/compareTensors.js";
import { effectiveRank, effectiveRanks } from "../../../lib/merge/effectiveRanks.js";
import { openCompared } from "../../../lib/merge/openCompared.js";
import { writeSafetensors } from "../../differential/safetensors.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-compared-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Values = readonly [shape: readonly number[], values: readonly number[], dtype?: Dtype];

function write(name: string, tensors: Readonly<Record<string, Values>>): string {
  const place = join(folder, name);
  mkdirSync(place);
  writeFileSync(
    join(place, "config.json"),
    JSON.stringify({ model_type: "llama", architectures: ["LlamaForCausalLM"] }),
  );
  const laid = Object.entries(tensors).map(([tensor, [shape, values, dtype = "F32"]]) => {
    const array = dtype === "F64" ? Float64Array.from(values) : Float32Array.from(values);
    return { name: tensor, dtype, shape, bytes: new Uint8Array(array.buffer) };
  });
  writeSafetensors(join(place, "model.safetensors"), laid, 8, 0);
  return place;
}

const Q = "model.layers.3.self_attn.q_proj.weight";
const NORM = "model.norm.weight";
const BUFFER = "model.layers.3.self_attn.rotary_emb.inv_freq";
let [aligned, tuned, unaligned] = ["", "", ""];

beforeAll(() => {
  // D = [[3, 0], [0, 4]]: squares 9 and 16; V = [[1, 2], [0, -4]]
  aligned = write("aligned", {
    [Q]: [
      [2, 2],
      [1, 2, 0, 0],
    ],
    [NORM]: [[2], [0, 0]],
  });
  tuned = write("tuned", {
    [Q]: [
      [2, 2],
      [4, 2, 0, 4],
    ],
    [NORM]: [[2], [0, 0]],
    [BUFFER]: [[2], [1, 1]],
  });
  unaligned = write("unaligned", {
    [Q]: [
      [2, 2],
      [0, 0, 0, 4],
    ],
    [NORM]: [[2], [0, 0]],
  });
});

describe("models compared tensor by tensor", () => {
  it("have norms, cosines, effective ranks and agreeing signs that can be worked out by hand", async () => {
    const { tensors, total } = await compareTensors(aligned, tuned, { unaligned });
    const of = tensors.find(({ name }) => name === Q) as ComparedTensor;
    expect(of).toMatchObject({ shape: [2, 2], layer: 3, module: "self_attn.q_proj" });
    expect(of.norm).toBeCloseTo(Math.sqrt(5), 12);
    expect(of.cosine).toBeCloseTo(8 / Math.sqrt(5 * 36), 12);
    expect(of.tuning.norm).toBeCloseTo(5, 12);
    expect(of.tuning.relative).toBeCloseTo(Math.sqrt(5), 12);
    const entropy = -(9 / 25) * Math.log(9 / 25) - (16 / 25) * Math.log(16 / 25);
    expect(of.tuning.effectiveRank).toBeCloseTo(Math.exp(entropy), 6);
    expect(of.alignment?.norm).toBeCloseTo(Math.sqrt(21), 12);
    expect(of.cosineOfChanges).toBeCloseTo((3 - 16) / 5 / Math.sqrt(21), 12);
    expect(of.signAgreement).toBe(1 / 2); // both change two elements, one of them in the same direction
    expect(total).toMatchObject({ signAgreement: 1 / 2, tuning: { norm: 5 } });
  });

  it("say nothing where there is nothing to say: no change, no norm, no unaligned model", async () => {
    const { tensors } = await compareTensors(aligned, tuned, { unaligned });
    expect(tensors.find(({ name }) => name === NORM)).toEqual({
      ...{ name: NORM, shape: [2], norm: 0 },
      ...{ tuning: { norm: 0 }, alignment: { norm: 0 } },
    });
    const two = await compareTensors(aligned, tuned, { ranks: false });
    const [q] = two.tensors.filter(({ name }) => name === Q) as [ComparedTensor];
    expect(Object.keys(q)).not.toContain("alignment");
    expect(Object.keys(q)).not.toContain("signAgreement");
    expect(q.tuning).not.toHaveProperty("effectiveRank");
    expect(q.tuning.norm).toBeCloseTo(5, 12);
  });

  it("leave out tensors that only some of them store, and name them", async () => {
    const { tensors, leftOut } = await compareTensors(aligned, tuned);
    expect(leftOut).toEqual([BUFFER]);
    expect(tensors.map(({ name }) => name).sort()).toEqual([Q, NORM].sort());
  });

  it("keep the differences of float64 tensors that float32 would lose", async () => {
    const one = write("double", { [NORM]: [[2], [1, 1], "F64"] });
    const other = write("double-tuned", { [NORM]: [[2], [1 + 1e-12, 1], "F64"] });
    const { tensors } = await compareTensors(one, other);
    expect(tensors[0]?.tuning.norm).toBeCloseTo(1e-12, 15);
    expect(tensors[0]?.tuning.norm).toBeGreaterThan(0.99e-12);
  });

  it("have the same numbers for any number of threads", async () => {
    const one = await compareTensors(aligned, tuned, { unaligned, threads: 1 });
    expect(await compareTensors(aligned, tuned, { unaligned, threads: 3 })).toEqual(one);
  });

  it("leave no folder behind, and remove those of runs that were killed", async () => {
    const place = mkdtempSync(join(folder, "temporary-"));
    const left = join(place, "retemper-compare-0123456789ab");
    mkdirSync(left);
    writeFileSync(join(left, "changes"), "of a run that was killed");
    vi.stubEnv("TMPDIR", place);
    try {
      await compareTensors(aligned, tuned);
    } finally {
      vi.unstubAllEnvs();
    }
    expect(readdirSync(place)).toEqual([]);
  });

  it("name the tensor whose change is not finite", async () => {
    const broken = write("broken", {
      [Q]: [
        [2, 2],
        [1, Number.NaN, 0, 0],
      ],
      [NORM]: [[2], [0, 0]],
    });
    await expect(compareTensors(aligned, broken)).rejects.toMatchObject({ code: "BAD_INPUT", tensor: Q });
    await expect(compareTensors(aligned, broken, { ranks: false })).rejects.toMatchObject({ tensor: Q });
  });

  it("name a tensor outside of the layers that is not finite", async () => {
    const values = (last: number): Values => [[2], [0, last]];
    const broken = write("broken-norm", { [Q]: [[1, 1], [1]], [NORM]: values(Number.POSITIVE_INFINITY) });
    const whole = write("whole-norm", { [Q]: [[1, 1], [1]], [NORM]: values(0) });
    const refused = { code: "BAD_INPUT", tensor: NORM, hint: expect.stringContaining("NaN") };
    await expect(compareTensors(whole, broken)).rejects.toMatchObject(refused);
    await expect(compareTensors(broken, broken)).rejects.toMatchObject(refused);
  });
});

describe("effective ranks", () => {
  /** The addon, and what becomes of the spectra that it is asked for. */
  function watched() {
    const addon = loadAddon();
    const seen = { running: 0, threads: [] as number[] };
    const spectrum: Addon["spectrum"] = (request) => {
      seen.running += 1;
      seen.threads.push(request.threads);
      const job = addon.spectrum(request);
      const ended = () => {
        seen.running -= 1;
      };
      job.promise.then(ended, ended);
      return job;
    };
    return { seen, addon: { ...addon, spectrum } };
  }
  const layerMatrix = (layer: number) => `model.layers.${layer}.mlp.up_proj.weight`;

  it("leave no job behind that reads their file where another matrix is not finite", async () => {
    const side = 256;
    const square = (value: (at: number) => number): Values => [
      [side, side],
      Array.from({ length: side * side }, (_, at) => value(at)),
    ];
    const of = (last: number) => ({
      [layerMatrix(0)]: [[2, 2], [last, 0, 0, 1], "F64"] as Values,
      [layerMatrix(1)]: square((at) => Math.sin(at) * last),
    });
    // 1e100 is finite as float64, and in a sum of squares; as float32 it is not
    const models = [
      write("running", of(1)),
      write("running-tuned", { ...of(2), [layerMatrix(0)]: [[2, 2], [1e100, 0, 0, 1], "F64"] }),
    ];
    const { seen, addon } = watched();
    const { inputs, tensors } = await openCompared(models, {}, addon);
    const asked = effectiveRanks(tensors, inputs, mkdtempSync(join(folder, "ranks-")), { threads: 2 }, addon);
    await expect(asked).rejects.toMatchObject({ code: "BAD_INPUT", tensor: layerMatrix(0) });
    expect(seen.threads).toHaveLength(2);
    expect(seen.running).toBe(0);
  });

  it("share all threads among the matrices of a group, also where these are fewer, and are the same", async () => {
    const side = 48;
    const of = (factor: number) =>
      Object.fromEntries(
        [0, 1].map((layer): [string, Values] => [
          layerMatrix(layer),
          [[side, side], Array.from({ length: side * side }, (_, at) => Math.sin(factor * at + layer))],
        ]),
      );
    const models = [write("shared", of(1)), write("shared-tuned", of(2))];
    const found = [];
    for (const threads of [1, 5]) {
      const { seen, addon } = watched();
      const { inputs, tensors } = await openCompared(models, {}, addon);
      found.push(await effectiveRanks(tensors, inputs, mkdtempSync(join(folder, "ranks-")), { threads }, addon));
      expect(seen.threads).toEqual(threads === 1 ? [1, 1] : [3, 2]);
    }
    expect(found[1]).toEqual(found[0]);
  });
});

describe("an effective rank", () => {
  it("is 1 of one direction, as many as there are of equal ones, and none of nothing", () => {
    expect(effectiveRank(Float64Array.of(4, 0, 0))).toBe(1);
    expect(effectiveRank(Float64Array.of(2, 2, 2, 2))).toBeCloseTo(4, 12);
    expect(effectiveRank(Float64Array.of(0, 0))).toBeUndefined();
  });
});
