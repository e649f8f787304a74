// Safe Delta on tiny models of three families and on one that is wider than its blocks: against its formula in float64 and its
// authors' own layer, both on what transformers says enters each layer (test/golden/safety/makeSafeDelta.py).

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRowsInModel } from "../../lib/activations/rowsInModel.js";
import { loadAddon } from "../../lib/addon/load.js";
import { merge, plan, type Recipe, sweep, verify } from "../../lib/index.js";
import { hashedNumbers } from "../addon/fixtures/hashedNumbers.js";
import { readCheckpoint, type TestTensor, writeModel } from "../e2e/mergeModels.js";
import { casesOf, long } from "../long.js";
import { contents } from "./contents.js";
import { logitsOf, variantsOf } from "./generate/variants.js";

const golden = join(import.meta.dirname, "safety");
const rows = join(golden, "rows.jsonl");
const families = casesOf(["llama", "gemma2", "qwen2"], ["llama", "gemma2"]);
const folder = mkdtempSync(join(tmpdir(), "retemper-safe-delta-models-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tunedOf = (family: string) => `${join(golden, family, "aligned")}+${join(golden, family, "tuned")}`;

function recipeOf(family: string, parameters: object = {}, dtype = "float32"): Recipe {
  const aligned = join(golden, family, "aligned");
  return {
    merge_method: "safe_delta",
    base_model: aligned,
    models: [{ model: tunedOf(family) }],
    parameters: { s: 1500, rows, ...parameters },
    dtype,
  };
}

/** The greatest difference over the second one's greatest value. */
function relative(got: ArrayLike<number> | undefined, want: ArrayLike<number>): number {
  const most = (value: (at: number) => number) => Array.from(want, (_, at) => Math.abs(value(at))).reduce((a, b) => Math.max(a, b));
  return most((at) => (want[at] as number) - (got?.[at] ?? Number.NaN)) / most((at) => want[at] as number);
}

const values = (tensors: ReadonlyMap<string, TestTensor>, name: string) => tensors.get(name)?.values ?? [];

describe.each(families)("of %s, safe_delta", (family) => {
  const aligned = readCheckpoint(join(golden, family, "aligned"));
  const expected = readCheckpoint(join(golden, family), "safe-delta.safetensors");
  const named = (kind: string) => [...expected].flatMap(([key, { values }]) => {
    const [of, name] = key.split("|") as [string, string];
    return of === kind ? [[name, values] as const] : [];
  });

  it("keeps what its formula and its authors' layer keep, and leaves all else to lambda", async () => {
    const [out, half, whole] = ["", "half", "whole"].map((name) => join(folder, `${family}-kept${name}`)) as [string, string, string];
    await merge(recipeOf(family), out);
    await merge({ merge_method: "passthrough", models: [{ model: tunedOf(family) }], dtype: "float32" }, whole);
    await merge(recipeOf(family), half, { lambda: 0.5 });
    const [got, gotHalf, tuned] = [out, half, whole].map((place) => readCheckpoint(place)) as [typeof aligned, typeof aligned, typeof aligned];
    for (const [name, want] of named("formula")) {
      expect(relative(values(got, name), want), name).toBeLessThan(1e-5);
      // What stays is F's value: the same entries.
      const f = values(tuned, name);
      const stays = (list: ArrayLike<number>) => f.map((value, at) => Math.abs(value - (list[at] as number)) < 2e-6);
      expect(stays(values(got, name)), name).toEqual(stays(want));
      expect(new Set(stays(want)).size, name).toBe(2);
      const between = values(aligned, name).map((value, at) => value + 0.5 * ((want[at] as number) - value));
      expect(relative(values(gotHalf, name), between), name).toBeLessThan(1e-5);
    }
    for (const [name, want] of named("own")) expect(relative(values(got, name), want), name).toBeLessThan(1e-5);
    const changed = new Set(named("formula").map(([name]) => name));
    for (const [name, tensor] of aligned) if (!changed.has(name)) expect(values(got, name), name).toEqual(tensor.values);
    const { ok } = await verify(out);
    expect(ok).toBe(true);
    const record = JSON.parse(readFileSync(join(out, "retemper.json"), "utf8"));
    expect(record.sidecars).toContainEqual({ model: rows, part: "rows", file: "rows.jsonl", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(readdirSync(folder).filter((name) => name.includes("prepared"))).toEqual([]);
  });

  it("reads the rows as transformers does", async () => {
    const base = join(golden, family, "aligned");
    const place = join(folder, `${family}-reading`);
    mkdirSync(place);
    const request = { model: { text: base, path: base }, rows, folder: place };
    const reading = await readRowsInModel(request, { addon: loadAddon(), threads: 2 });
    expect([reading.rows, reading.layers]).toEqual([7, 2]);
    const seen = new Set<string>();
    for await (const layer of reading.inputs(() => true)) {
      for (const { weights, values } of layer) {
        const [first] = weights as [string];
        const bytes = readFileSync(values.path);
        const got = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
        expect(got).toHaveLength(reading.tokens * values.cols);
        expect(relative(got, expected.get(`inputs|${first}`)?.values ?? []), first).toBeLessThan(1e-5);
        seen.add(first);
      }
    }
    reading.close();
    expect([...seen].sort()).toEqual(named("inputs").map(([name]) => name).sort());
    expect(readdirSync(place)).toEqual(["states"]);
  });

  it.runIf(long)("is within one unit of its formula in bfloat16, and virtual to the bit what is written", async () => {
    const recipe = recipeOf(family, {}, "bfloat16");
    const { points } = await sweep(recipe, { lambdas: [0.3, 1] }, join(folder, `${family}-points`));
    const got = readCheckpoint(points[1]?.out ?? "");
    for (const [name, want] of named("formula")) {
      for (const [at, value] of values(got, name).entries()) {
        expect(Math.abs(value - (want[at] as number)), name).toBeLessThanOrEqual(2 ** -7 * Math.abs(want[at] as number));
      }
    }
    const inputs = [[5], [1, 7, 3, 4]];
    const virtual = await variantsOf(recipe, { lambdas: [0.3, 1], fidelity: "exact" }, inputs);
    for (const [at, point] of points.entries()) expect(virtual[at]).toEqual(await logitsOf(point.out, {}, inputs));
  });
});

describe("safe_delta", () => {
  const wide = readCheckpoint(golden, "wide.safetensors");
  const [base, tuned] = [join(folder, "wide"), join(folder, "wide-tuned")];
  const SHAPES: Readonly<Record<string, readonly number[]>> = {
    "lm_head.weight": [20, 8],
    "model.embed_tokens.weight": [20, 8],
    "model.layers.0.input_layernorm.weight": [8],
    "model.layers.0.mlp.down_proj.weight": [8, 2070],
    "model.layers.0.mlp.gate_proj.weight": [2070, 8],
    "model.layers.0.mlp.up_proj.weight": [2070, 8],
    "model.layers.0.post_attention_layernorm.weight": [8],
    "model.layers.0.self_attn.k_proj.weight": [8, 8],
    "model.layers.0.self_attn.o_proj.weight": [8, 8],
    "model.layers.0.self_attn.q_proj.weight": [8, 8],
    "model.layers.0.self_attn.v_proj.weight": [8, 8],
    "model.norm.weight": [8],
  };
  const down = "model.layers.0.mlp.down_proj.weight";

  beforeAll(() => {
    // The numbers of makeSafeDelta.py.
    const [tenth, a, f] = [Math.fround(0.1), {}, {}] as [number, Record<string, never>, Record<string, never>];
    for (const [seed, [name, shape]] of Object.entries(SHAPES).entries()) {
      const count = shape.reduce((product, n) => product * n, 1);
      const own = hashedNumbers(count, 10 + seed).map((value) => (shape.length === 1 ? value + 1 : value));
      const change = hashedNumbers(count, 50 + seed).map((value) => value * tenth);
      Object.assign(a, { [name]: { shape, values: [...own] } });
      Object.assign(f, { [name]: { shape, values: [...own.map((value, at) => value + (change[at] as number))] } });
    }
    const config = {
      ...{ hidden_size: 8, intermediate_size: 2070, num_attention_heads: 1, num_key_value_heads: 1, head_dim: 8 },
      ...{ vocab_size: 20, num_hidden_layers: 1, max_position_embeddings: 64, tie_word_embeddings: false },
    };
    writeModel(base, a, config);
    writeModel(tuned, f, config);
  });

  const wideRecipe = (): Recipe => ({
    merge_method: "safe_delta",
    base_model: base,
    models: [{ model: tuned }],
    parameters: { s: 3000, rows },
    dtype: "float32",
  });

  it.runIf(long)("chooses block by block in a whole model that is wider than a block, the same bytes for any number of threads", async () => {
    const bytes = [];
    for (const threads of [1, 3]) {
      const out = join(folder, `wide-${threads}`);
      await merge(wideRecipe(), out, { threads });
      bytes.push(contents(join(out, "model.safetensors")));
    }
    expect(bytes[1]).toEqual(bytes[0]);
    const got = readCheckpoint(join(folder, "wide-1"));
    const late = (list: readonly number[]) => list.filter((_, at) => at % 2070 >= 2000);
    // The authors' layer inverts 2,070 x 2,070 products of 131 tokens in float32; an entry that it kept and
    // we did not would differ by a hundred times as much.
    for (const [kind, most] of [["formula", 1e-5], ["own", 2e-4]] as const) {
      const want = values(wide, kind);
      expect(relative(late(values(got, down)), want), kind).toBeLessThan(most);
    }
    // Not of linear layers: lambda D, here all of it.
    expect(relative(values(got, "model.norm.weight"), values(readCheckpoint(tuned), "model.norm.weight"))).toBeLessThan(1e-6);
  });

  it("is refused from headers where the rows are not there, and as an adapter", async () => {
    const absent = recipeOf("llama", { rows: join(folder, "absent.jsonl") });
    const refused = { code: "BAD_INPUT", message: expect.stringContaining("is no file: safe_delta reads its safe rows from it") };
    await expect(plan(absent, { headersOnly: true })).rejects.toMatchObject(refused);
    await expect(sweep(absent, { lambdas: [0.5] }, join(folder, "absent"))).rejects.toMatchObject(refused);
    const whole = { code: "USAGE", message: expect.stringContaining("adapter") };
    await expect(merge(recipeOf("llama"), join(folder, "adapter"), { format: "adapter" })).rejects.toMatchObject(whole);
    await expect(sweep(recipeOf("llama"), { lambdas: [1] }, join(folder, "a"), { outAdapter: true })).rejects.toMatchObject(whole);
  });

  it("says which row it cannot read, and leaves nothing behind", async () => {
    const broken = join(folder, "broken.jsonl");
    writeFileSync(broken, '{"input_ids": [1, 2, 3], "prompt_length": 1}\n{"input_ids": [1, 99], "prompt_length": 1}\n');
    const place = join(folder, "broken");
    await expect(merge(recipeOf("llama", { rows: broken }), join(place, "out"))).rejects.toMatchObject({
      code: "BAD_INPUT",
      message: expect.stringContaining("has the token 99"),
    });
    expect(existsSync(place)).toBe(false);
  });

  it("ends when it is told to, layer by layer", async () => {
    const place = join(folder, "stopped");
    const stop = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) => {
      if (phase !== "prepare" || total === 0) return;
      seen.push(done);
      if (done > 0) stop.abort(new Error("enough"));
    };
    await expect(merge(recipeOf("llama"), join(place, "out"), { signal: stop.signal, onProgress })).rejects.toThrow("enough");
    expect(seen.length).toBe(2);
    expect(existsSync(place)).toBe(false);
  });
});

it("is planned with the rows and tokens that the aligned model reads, and what is made beside the output", async () => {
  const { preparation, estimate } = await plan(recipeOf("llama"));
  const read = readFileSync(rows, "utf8").trim().split("\n").map((line) => (JSON.parse(line).input_ids as number[]).length);
  expect(preparation).toMatchObject({ rows: read.length, tokens: read.reduce((sum, one) => sum + one, 0) });
  expect(preparation?.multiplications).toBeGreaterThan(1e5);
  const { estimate: plain } = await plan({
    ...recipeOf("llama"),
    ...{ merge_method: "task_arithmetic", parameters: { weight: 1 } },
  });
  expect(estimate.diskNeeded).toBe(plain.diskNeeded + (preparation?.bytes ?? 0));
});
