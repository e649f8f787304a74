// Merges and conversions that write FP8. Codes and scales byte for byte: test/golden/fp8.test.ts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadAddon } from "../../../lib/addon/load.js";
import { batch } from "../../../lib/batch/batch.js";
import { convert } from "../../../lib/merge/convert.js";
import { merge } from "../../../lib/merge/merge.js";
import { plan } from "../../../lib/merge/plan.js";
import { sweep } from "../../../lib/merge/sweep.js";
import { verify } from "../../../lib/merge/verify.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { uniform } from "../../differential/random.js";
import { casesOf, long } from "../../long.js";
import { failure, workspace } from "../checkpoint/fixtures.js";

const root = join(import.meta.dirname, "../../..");
const model = join(root, "demo/model");
const adapter = join(root, "demo/adapters/seed-42");
const at = workspace();
const recipe = { merge_method: "linear", models: [{ model }, { model: `${model}+${adapter}` }] };

const LAYER = "model.layers.0";
/** A matrix of more than one block of the engine, of which no whole number of rows is one. */
const WIDE = `${LAYER}.mlp.down_proj.weight`;

/** Two models, the second near the first. */
function pair(name: string, spoil: (tensor: string, values: number[]) => void = () => {}): [string, string] {
  const shapes: Record<string, number[]> = {
    "model.embed_tokens.weight": [32, 16],
    [`${LAYER}.self_attn.q_proj.weight`]: [32, 16],
    [`${LAYER}.self_attn.k_proj.weight`]: [24, 16],
    [`${LAYER}.self_attn.v_proj.weight`]: [32, 16],
    [`${LAYER}.self_attn.o_proj.weight`]: [32, 32],
    [WIDE]: [656, 208],
    "model.norm.weight": [16],
  };
  const random = uniform(5);
  const stored = Object.entries(shapes).map(([tensor, shape]) => {
    return [
      tensor,
      { shape, values: Array.from({ length: shape.reduce((n, e) => n * e) }, () => random() - 0.5) },
    ] as const;
  });
  const near = stored.map(([tensor, { shape, values }]) => {
    return [tensor, { shape, values: values.map((value) => value + (random() - 0.5) / 10) }] as const;
  });
  for (const [tensor, { values }] of stored) spoil(tensor, values);
  return [at.model(`${name}-a`, Object.fromEntries(stored)), at.model(`${name}-b`, Object.fromEntries(near))];
}

const weightsOf = (folder: string) => readFileSync(join(folder, "model.safetensors"));
const dtypesOf = (folder: string) => {
  const { names, dtypes } = loadAddon().readHeader(join(folder, "model.safetensors"));
  return Object.fromEntries(names.map((name, i) => [name, dtypes[i]]));
};

describe("a merge to FP8", () => {
  const [a, b] = pair("pair");
  const tuned = { base_model: a, models: [{ model: b, parameters: { weight: 0.7, density: 0.4, lambda: 1 } }] };
  const recipes: Record<string, Recipe> = {
    linear: { merge_method: "linear", models: [a, b].map((one) => ({ model: one, parameters: { weight: 0.5 } })) },
    slerp: { merge_method: "slerp", base_model: a, models: [{ model: a }, { model: b }], parameters: { t: 0.3 } },
    dare_linear: { merge_method: "dare_linear", ...tuned },
    ties: { merge_method: "ties", ...tuned },
    della: { merge_method: "della", ...tuned },
    sce: { merge_method: "sce", base_model: a, models: [{ model: b }], parameters: { select_topk: 0.5 } },
  };

  it.each(casesOf(Object.keys(recipes), ["ties"]))(
    "has the bytes of the merge, converted afterwards: %s",
    async (method) => {
      const given = { ...(recipes[method] as Recipe), dtype: "bfloat16" };
      const [once, first, then] = ["once", "first", "then"].map((step) => at.path(`${method}-${step}`)) as [
        string,
        string,
        string,
      ];
      await merge(given, once, { format: "fp8", threads: 3 });
      await merge(given, first);
      await convert(first, then, { format: "fp8", threads: 1 });
      expect(weightsOf(once).equals(weightsOf(then))).toBe(true);
      expect(dtypesOf(once)).toMatchObject({
        [WIDE]: "F8_E4M3",
        [`${WIDE}_scale`]: "BF16",
        "model.norm.weight": "BF16",
      });
    },
  );

  it("leaves matrices as they are that kernels do not take, and those that servers join with them", async () => {
    const out = at.path("left");
    const { warnings } = await convert(a, out, { format: "fp8" });
    const [warning] = warnings;
    expect(warning).toMatch(/^3 matrices stay as they are: .*multiple of 16 \(.*q_proj.weight, .*k_proj.weight, /);
    const { quantization_config: settings } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect(settings.ignore).toEqual(["lm_head", ...["q", "k", "v"].map((name) => `${LAYER}.self_attn.${name}_proj`)]);
    const f32 = Object.entries(dtypesOf(out)).filter(([, dtype]) => dtype === "F32");
    expect(f32.map(([name]) => name).filter((name) => !name.endsWith("_scale"))).toHaveLength(5);
    expect(await verify(out)).toMatchObject({ ok: true, problems: [] });
  });

  it.runIf(long)("is read again as codes by scales, within half a step of the codes", async () => {
    const [eight, back] = [at.path("eight"), at.path("back")];
    await convert(a, eight, { format: "fp8" });
    const { warnings } = await convert(eight, back);
    expect(warnings.join()).toMatch(/2 weights were quantised before \(E4M3/);
    const numbers = (folder: string) => {
      const file = weightsOf(folder);
      const { names, begins, ends } = loadAddon().readHeader(join(folder, "model.safetensors"));
      const place = names.indexOf(WIDE);
      return new Float32Array(
        file.buffer.slice(file.byteOffset + Number(begins[place]), file.byteOffset + Number(ends[place])),
      );
    };
    const [before, after] = [numbers(a), numbers(back)];
    expect(after).toHaveLength(before.length);
    // 2^-4 of a number, or half of the smallest step, 2^-10 of 448ths of the row's largest magnitude (.5)
    const least = 0.5 / 448 / 1024;
    const worst = before.reduce((most, x, i) => {
      return Math.max(most, Math.abs(x - (after[i] as number)) / Math.max(Math.abs(x) / 16, least));
    }, 0);
    expect(worst).toBeGreaterThan(0.9);
    expect(worst).toBeLessThanOrEqual(1.0001);
  });

  it("makes a row with a value that is no number one of codes that are none, and counts it", async () => {
    const [bad] = pair("bad", (tensor, values) => {
      if (tensor === WIDE) values[640 * 208 + 3] = Number.NaN;
    });
    const out = at.path("bad-out");
    const { tensors } = await convert(bad, out, { format: "fp8" });
    expect(tensors.nonFinite).toEqual([{ name: WIDE, values: 208 }]);
    const { names, begins } = loadAddon().readHeader(join(out, "model.safetensors"));
    const start = Number(begins[names.indexOf(WIDE)]);
    const codes = weightsOf(out).subarray(start, start + 656 * 208);
    expect(codes.subarray(640 * 208, 641 * 208).every((code) => code === 0x7f)).toBe(true);
    expect([...codes].filter((code) => (code & 0x7f) === 0x7f)).toHaveLength(208);
  });

  it("has the same bytes from a sweep and a batch as from a merge, at both ends, too", async () => {
    const lambdas = [0, 0.3, 1];
    const swept = await sweep(recipe, { lambdas }, at.path("swept"), { format: "fp8" });
    expect(swept.passes).toBe(1);
    await batch([{ recipe, out: at.path("batched"), options: { format: "fp8", lambda: 0.3 } }]);
    for (const [lambda, threads] of lambdas.map((one, i) => [one, i + 1] as const)) {
      const alone = at.path(`alone-${lambda}`);
      await merge(recipe, alone, { lambda, threads, format: "fp8" });
      expect(weightsOf(alone).equals(weightsOf(at.path("swept", `lambda-${lambda}`)))).toBe(true);
      if (lambda === 0.3) expect(weightsOf(alone).equals(weightsOf(at.path("batched")))).toBe(true);
    }
  });

  it.runIf(long)("is put into shards as any checkpoint, with scales in the index", async () => {
    const out = at.path("shards");
    await convert(model, out, { format: "fp8", outShardSize: 200_000 });
    const whole = at.path("one-file");
    await convert(model, whole, { format: "fp8" });
    const { weight_map: files } = JSON.parse(readFileSync(join(out, "model.safetensors.index.json"), "utf8"));
    expect(Object.keys(files).sort()).toEqual(Object.keys(dtypesOf(whole)).sort());
    expect(new Set(Object.values(files)).size).toBeGreaterThan(3);
    // the numbers that both are read as
    const [x, y] = [at.path("x"), at.path("y")];
    await convert(out, x);
    await convert(whole, y);
    expect(weightsOf(x).equals(weightsOf(y))).toBe(true);
  });

  it.runIf(long)("is planned with the dtypes and sizes that it writes", async () => {
    const planned = await plan(recipe, { lambda: 0.4, format: "fp8" });
    const found = planned.tensors.find(({ name }) => name === `${LAYER}.mlp.up_proj.weight`);
    expect(found).toMatchObject({ op: "linear", dtype: "F8_E4M3", shape: [384, 128] });
    const out = at.path("planned");
    const { files } = await merge(recipe, out, { lambda: 0.4, format: "fp8" });
    expect(planned.files).toEqual(
      files.filter(({ path }) => path.endsWith("safetensors")).map(({ path, bytes }) => ({ path, bytes })),
    );
  });

  it("is refused for a model without linear layers, and for options of other formats", async () => {
    const gpt2 = at.model("gpt2", { "h.0.attn.c_attn.weight": { shape: [16, 48] } }, { model_type: "gpt2" });
    expect(await failure(convert(gpt2, at.path("none"), { format: "fp8" }))).toMatchObject({ code: "INCOMPATIBLE" });
    const out = at.path("none");
    await expect(convert(model, out, { format: "fp8", quantise: "q8_0" })).rejects.toMatchObject({ code: "USAGE" });
    await expect(sweep(recipe, { lambdas: [0.5] }, out, { format: "fp8", outAdapter: true })).rejects.toMatchObject({
      code: "USAGE",
    });
  });
});
