// Adapters of experts (PEFT's target_parameters), by the sums of PEFT's own code; against PEFT itself:
// test/differential/adapters/experts.test.ts. And keys as other trainers save them.

import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { openAdapter } from "../../../lib/checkpoint/adapter.js";
import { openCheckpoint } from "../../../lib/checkpoint/open.js";
import { merge } from "../../../lib/merge/merge.js";
import { uniform } from "../../differential/random.js";
import { readCheckpoint } from "../../e2e/mergeModels.js";
import { failure, type TensorSpec, workspace } from "./fixtures.js";

const at = workspace();
const [EXPERTS, HIDDEN, INNER, RANK] = [3, 4, 5, 2];
const MODULE = "model.layers.0.mlp.experts";
const random = uniform(3);
const matrix = (...shape: number[]): TensorSpec & { values: number[] } => {
  return { shape, values: Array.from({ length: shape.reduce((n, e) => n * e) }, () => Math.fround(random() - 0.5)) };
};

/** A [experts r, in] and B [out, r experts]. */
const pair = (inputs: number, outputs: number, rank = RANK) => {
  return { a: matrix(EXPERTS * rank, inputs), b: matrix(outputs, rank * EXPERTS), rank };
};
type Pair = ReturnType<typeof pair>;
/** Element (e, o, i) of the change, before it is scaled. */
const changeOf = ({ a, b, rank }: Pair, e: number, o: number, i: number) => {
  let sum = 0;
  for (let j = 0; j < rank; j++) {
    sum +=
      (b.values[o * rank * EXPERTS + j * EXPERTS + e] ?? 0) * (a.values[(e * rank + j) * (a.shape[1] ?? 0) + i] ?? 0);
  }
  return sum;
};
const keys = (module: string, { a, b }: Pair, prefix = "base_model.model.") => {
  return { [`${prefix}${module}.lora_A.weight`]: a, [`${prefix}${module}.lora_B.weight`]: b };
};

const gateUp = pair(HIDDEN, 2 * INNER);
const down = pair(INNER, HIDDEN);
const SETTINGS = { target_parameters: ["experts.gate_up_proj", "mlp.experts.down_proj"], r: RANK, lora_alpha: 3 };
const SCALE = 3 / RANK;
const both = { ...keys(`${MODULE}.base_layer`, gateUp), ...keys(MODULE, down) };

/** The tensors of base + adapter, as float32. */
async function merged(
  name: string,
  base: Record<string, TensorSpec>,
  adapter: Record<string, TensorSpec>,
  config: object,
) {
  const model = at.model(name, base);
  const lora = at.adapter(`${name}-adapter`, adapter, config);
  await merge({ merge_method: "passthrough", models: [{ model: `${model}+${lora}` }] }, at.path(`${name}-out`));
  return readCheckpoint(at.path(`${name}-out`));
}

describe("an adapter of experts", () => {
  it("changes the matrices of each expert, where a checkpoint stores them one by one", async () => {
    const base: Record<string, TensorSpec & { values: number[] }> = {};
    for (let e = 0; e < EXPERTS; e++) {
      base[`model.layers.0.block_sparse_moe.experts.${e}.w1.weight`] = matrix(INNER, HIDDEN);
      base[`model.layers.0.block_sparse_moe.experts.${e}.w3.weight`] = matrix(INNER, HIDDEN);
      base[`model.layers.0.block_sparse_moe.experts.${e}.w2.weight`] = matrix(HIDDEN, INNER);
    }
    const out = await merged("single", base, both, SETTINGS);
    const rows = { w1: [gateUp, 0], w3: [gateUp, INNER], w2: [down, 0] } as const;
    for (const [name, { shape, values }] of Object.entries(base)) {
      const [, expert, part] = /experts\.(\d)\.(w\d)/.exec(name) as unknown as [string, string, keyof typeof rows];
      const [factors, first] = rows[part];
      const [, columns = 0] = shape;
      values.forEach((value, k) => {
        const change = changeOf(factors, Number(expert), first + Math.floor(k / columns), k % columns);
        expect(out.get(name)?.values[k]).toBeCloseTo(value + SCALE * change, 6);
      });
    }
  });

  it.each(["plain", "turned"])("changes the one tensor of all experts, %s", async (way) => {
    const turned = way === "turned";
    const shape = turned ? [EXPERTS, HIDDEN, 2 * INNER] : [EXPERTS, 2 * INNER, HIDDEN];
    const gate = matrix(...shape);
    const last = matrix(...(turned ? [EXPERTS, INNER, HIDDEN] : [EXPERTS, HIDDEN, INNER]));
    const base = { [`${MODULE}.gate_up_proj`]: gate, [`${MODULE}.down_proj`]: last };
    const out = await merged(way, base, both, SETTINGS);
    for (const [name, { shape: own, values }, factors] of [
      ["gate_up_proj", gate, gateUp],
      ["down_proj", last, down],
    ] as const) {
      const [, rows = 0, columns = 0] = own;
      values.forEach((value, k) => {
        const [e, r, c] = [Math.floor(k / rows / columns), Math.floor(k / columns) % rows, k % columns];
        const change = turned ? changeOf(factors, e, c, r) : changeOf(factors, e, r, c);
        expect(out.get(`${MODULE}.${name}`)?.values[k]).toBeCloseTo(value + SCALE * change, 6);
      });
    }
  });

  it("is merged in blocks of a tensor that is larger than one, on any number of threads", async () => {
    const wide = { a: matrix(EXPERTS * 3, 301), b: matrix(204, 3 * EXPERTS), rank: 3 };
    const base = { [`${MODULE}.down_proj`]: matrix(EXPERTS, 204, 301) };
    const config = { target_parameters: ["down_proj"], r: 3, lora_alpha: 3 };
    const model = `${at.model("wide", base)}+${at.adapter("wide-adapter", keys(MODULE, wide), config)}`;
    const files = [1, 3].map((threads) => [threads, at.path(`wide-${threads}`)] as const);
    for (const [threads, out] of files) {
      await merge({ merge_method: "passthrough", models: [{ model }] }, out, { threads });
    }
    const [one, three] = files.map(([, out]) => readCheckpoint(out).get(`${MODULE}.down_proj`)?.values);
    expect(three).toEqual(one);
    const before = base[`${MODULE}.down_proj`]?.values ?? [];
    for (const k of [0, 300, 301, 61_403, 61_404, 131_071, 131_072, 184_211]) {
      const [e, r, c] = [Math.floor(k / 204 / 301), Math.floor(k / 301) % 204, k % 301];
      expect(one?.[k]).toBeCloseTo((before[k] ?? 0) + changeOf(wide, e, r, c), 5);
    }
  });

  it("is refused where its factors do not fit, and where a merge is to be an adapter", async () => {
    const addon = loadAddon();
    const folder = at.model("misfit", { [`${MODULE}.gate_up_proj`]: { shape: [EXPERTS, 2 * INNER, HIDDEN] } });
    const base = await openCheckpoint(folder, { addon });
    const open = (tensors: Record<string, TensorSpec>, config: object) => {
      return failure(openAdapter(at.adapter("misfit-adapter", tensors, config), base, { addon }));
    };
    const config = { target_parameters: ["experts.gate_up_proj"], r: RANK };
    expect(await open(keys(MODULE, down), config)).toMatchObject({
      code: "INCOMPATIBLE",
      message: expect.stringContaining("do not fit gate_up_proj [3, 10, 4] by rank 2"),
    });
    expect(await open(keys(MODULE, gateUp), { ...config, target_parameters: ["experts.none"] })).toMatchObject({
      code: "INCOMPATIBLE",
      message: expect.stringContaining(`${MODULE}.none`),
    });
    expect(await open(keys(MODULE, gateUp), { ...config, use_dora: true })).toMatchObject({ code: "BAD_INPUT" });
    const model = `${folder}+${at.adapter("fits", keys(MODULE, gateUp), config)}`;
    const recipe = { merge_method: "linear", models: [{ model: folder }, { model }] };
    const refused = await failure(merge(recipe, at.path("none"), { lambda: 0.5, format: "adapter" }));
    expect(refused.message).toMatch(/experts/);
  });
});

describe("the keys of an adapter", () => {
  const q = "model.layers.0.self_attn.q_proj";
  const base = { [`${q}.weight`]: matrix(4, 4), "lm_head.weight": matrix(6, 4) };
  const factors = { a: matrix(2, 4), b: matrix(4, 2), rank: 2 };

  it.each([
    "",
    "base_model.model.",
    "module.base_model.model.",
    "_orig_mod.base_model.model.",
    "module._orig_mod.",
    "base_model.model.base_model.model.",
  ])("are known with what trainers put before them: %j", async (prefix) => {
    const name = `prefix-${prefix}`;
    const adapter = { ...keys(q, factors, prefix), [`${prefix}lm_head.modules_to_save.weight`]: matrix(6, 4) };
    const out = await merged(name, base, adapter, { modules_to_save: ["lm_head"] });
    const plain = await merged(`${name}-plain`, base, keys(q, factors), {});
    expect(out.get(`${q}.weight`)).toEqual(plain.get(`${q}.weight`));
    expect([...(out.get("lm_head.weight")?.values ?? [])]).toEqual(
      adapter[`${prefix}lm_head.modules_to_save.weight`]?.values,
    );
  });

  it("are refused where a plain name stands without PEFT's prefix", async () => {
    const adapter = at.adapter("plain-name", { ...keys(q, factors, ""), "lm_head.weight": matrix(6, 4) });
    const model = await openCheckpoint(at.model("plain-base", base), { addon: loadAddon() });
    expect(await failure(openAdapter(adapter, model, { addon: loadAddon() }))).toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("lm_head.weight"),
    });
  });
});
