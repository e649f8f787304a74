// Methods made for safety, on tiny models of three families: against the papers' formulas in float64 numpy, and against what
// the authors' own code does to the same models (test/golden/safety holds both, and the scripts that made them).

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { merge, plan, type Recipe, sweep } from "../../lib/index.js";
import { readCheckpoint, type TestTensor } from "../e2e/mergeModels.js";
import { casesOf, long } from "../long.js";
import { contents } from "./contents.js";
import { logitsOf, variantsOf } from "./generate/variants.js";

const golden = join(import.meta.dirname, "safety");
const families = casesOf(["llama", "gemma2", "qwen2"], ["llama"]);
const folder = mkdtempSync(join(tmpdir(), "retemper-safety-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const json = (name: string) => JSON.parse(readFileSync(join(golden, name), "utf8"));
const rhos: Record<string, Record<string, number>> = json("gates.json");
interface Authors {
  /** B by modules. */
  readonly threshold: Record<string, number[][]>;
  readonly number: Record<string, number[][]>;
  readonly safemerge: string[];
}
const authors: Record<string, Authors> = json("authors.json");

const METHODS = ["resta", "safe_lora", "safemerge"] as const;

/** As makeSafety.py has the numbers. */
function recipeOf(family: string, method: string, parameters: object = {}, dtype = "float32"): Recipe {
  const place = (role: string) => join(golden, family, role);
  const own = { resta: { gamma: 0.5 }, safe_lora: { threshold: 0.5 }, safemerge: { threshold: 0.5, alpha: 0.2 } };
  return {
    merge_method: method,
    base_model: place("aligned"),
    unaligned_model: place("unaligned"),
    models: [{ model: `${place("aligned")}+${place("tuned")}` }],
    ...(method === "safemerge" && { safe_model: `${place("aligned")}+${place("safe")}` }),
    parameters: { lambda: 0.75, ...own[method as keyof typeof own], ...parameters },
    dtype,
  };
}

/** The greatest difference of two matrices over the second one's greatest value. */
function relative(got: TestTensor | undefined, want: readonly number[]): number {
  const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return want.reduce((most, value, at) => Math.max(most, Math.abs(value - (got?.values[at] ?? Number.NaN))), 0) / largest;
}

const gatedOf = (gates: readonly { readonly module: string; readonly gated: boolean }[] = []) =>
  gates.flatMap(({ module, gated }) => (gated ? [module] : [])).sort();

describe.each(families)("of %s", (family) => {
  const aligned = readCheckpoint(join(golden, family, "aligned"));
  const expected = readCheckpoint(join(golden, family), "expected.safetensors");

  it.each(METHODS)("%s gives what float64 numpy makes of its formula", async (method) => {
    const out = join(folder, `${family}-${method}`);
    const report = await merge(recipeOf(family, method), out);
    const got = readCheckpoint(out);
    expect([...got.keys()].sort()).toEqual([...aligned.keys()].sort());
    for (const [name, { values }] of aligned) {
      const want = expected.get(`${method}|${name}`);
      if (want) expect(relative(got.get(name), want.values), name).toBeLessThan(1e-6);
      else expect(got.get(name)?.values, name).toEqual(values);
    }
    if (method === "resta") {
      expect(report.gates).toBeUndefined();
      return;
    }
    const found = Object.fromEntries((report.gates ?? []).map(({ module, rho }) => [module, rho]));
    expect(Object.keys(found).sort()).toEqual(Object.keys(rhos[family] ?? {}).sort());
    for (const [module, rho] of Object.entries(rhos[family] ?? {})) expect(found[module], module).toBeCloseTo(rho, 5);
    const gated = gatedOf(report.gates);
    expect(gated.length).toBeGreaterThan(0);
    expect(gated.length).toBeLessThan(Object.keys(found).length);
    const record = JSON.parse(readFileSync(join(out, "retemper.json"), "utf8"));
    expect(record).toMatchObject({ method, gates: report.gates });
    // The models that were named, and none that were made.
    const inputs = (record.inputs as { model: string; file: string }[]).map(({ model, file }) => [model, file]);
    expect(inputs).toHaveLength(method === "safemerge" ? 4 : 3);
    expect(JSON.stringify(inputs)).not.toContain("retemper:");
  });

  it.runIf(long).each(METHODS)("%s in bfloat16 is within one unit of the same", async (method) => {
    const out = join(folder, `${family}-${method}-bf16`);
    await merge(recipeOf(family, method, {}, "bfloat16"), out);
    const got = readCheckpoint(out);
    for (const [key, { values }] of expected) {
      const [of, name] = key.split("|") as [string, string];
      if (of !== method) continue;
      const mine = got.get(name);
      expect(mine?.dtype).toBe("BF16");
      for (const [at, value] of values.entries()) {
        expect(Math.abs((mine?.values[at] ?? Number.NaN) - value), name).toBeLessThanOrEqual(2 ** -7 * Math.abs(value));
      }
    }
  });

  it("Safe LoRA gates the modules that its authors' code gates, with its weights", async () => {
    const rules = { threshold: { threshold: 0.5 }, number: { threshold: undefined, number: 3 } };
    for (const [rule, parameters] of Object.entries(rules)) {
      const recipe = recipeOf(family, "safe_lora", { lambda: 1, ...parameters });
      const out = join(folder, `${family}-${rule}`);
      const { gates } = await merge(recipe, out, { format: "adapter" });
      const theirs = authors[family]?.[rule as "threshold" | "number"] ?? {};
      expect(gatedOf(gates)).toEqual(Object.keys(theirs).sort());
      if (rule === "number") expect(gatedOf(gates)).toHaveLength(3);
      // alpha / r = 1.5 is in our factors.
      const made = readCheckpoint(out, "adapter_model.safetensors");
      for (const [module, rows] of Object.entries(theirs)) {
        const want = rows.flat().map((value) => 1.5 * value);
        expect(relative(made.get(`base_model.model.${module}.lora_B.weight`), want), module).toBeLessThan(1e-5);
      }
    }
  });

  it("SafeMERGE gates the modules that its authors' code gates", async () => {
    const { gates } = await plan(recipeOf(family, "safemerge"));
    expect(gatedOf(gates)).toEqual(authors[family]?.safemerge);
  });

  it.runIf(long)("a whole model is gated and merged as its adapter is", async () => {
    const place = (role: string) => join(golden, family, role);
    const whole = join(folder, `${family}-whole-model`);
    const tuned = [{ model: `${place("aligned")}+${place("tuned")}` }];
    await merge({ merge_method: "passthrough", models: tuned, dtype: "float32" }, whole);
    for (const method of METHODS) {
      const out = join(folder, `${family}-${method}-of-whole`);
      const { gates } = await merge({ ...recipeOf(family, method), models: [{ model: whole }] }, out);
      const changed = (gates ?? []).filter(({ module }) => rhos[family]?.[module] !== undefined);
      // D is F - A of stored values here, which have fewer digits than B A.
      for (const { module, rho } of changed) expect(Math.abs(rho - (rhos[family]?.[module] ?? 0))).toBeLessThan(2e-5);
      expect(gatedOf(gates)).toEqual(gatedOf(changed));
      const got = readCheckpoint(out);
      for (const [name, { values }] of aligned) {
        const want = expected.get(`${method}|${name}`)?.values ?? values;
        expect(relative(got.get(name), want), name).toBeLessThan(2e-6);
      }
      const virtual = { ...recipeOf(family, method, {}, "bfloat16"), models: [{ model: whole }] };
      const { points } = await sweep(virtual, { lambdas: [0.3] }, `${out}-points`);
      const [logits] = await variantsOf(virtual, { lambdas: [0.3], fidelity: "exact" }, [[5], [1, 7, 3, 4]]);
      expect(logits).toEqual(await logitsOf(points[0]?.out ?? "", {}, [[5], [1, 7, 3, 4]]));
    }
  });

  it.runIf(long)("an adapter holds what the checkpoint holds", async () => {
    for (const method of ["safe_lora", "safemerge"]) {
      const [whole, adapter, again] = ["whole", "adapter", "again"].map((name) => join(folder, `${family}-${method}-${name}`));
      const recipe = recipeOf(family, method);
      await merge(recipe, whole as string);
      await merge(recipe, adapter as string, { format: "adapter" });
      const model = `${join(golden, family, "aligned")}+${adapter}`;
      await merge({ merge_method: "passthrough", models: [{ model }], dtype: "float32" }, again as string);
      const got = readCheckpoint(again as string);
      for (const [name, { values }] of readCheckpoint(whole as string)) {
        expect(relative(got.get(name), values), name).toBeLessThan(1e-6);
      }
    }
  });

  it.runIf(long && family !== "qwen2")("a virtual merge is, to the bit, what is written", async () => {
    const inputs = [[5], [1, 7, 3, 4]];
    for (const method of METHODS) {
      const recipe = recipeOf(family, method, {}, "bfloat16");
      const out = join(folder, `${family}-${method}-points`);
      const { points } = await sweep(recipe, { lambdas: [0.3, 1] }, out);
      const got = await variantsOf(recipe, { lambdas: [0.3, 1], fidelity: "exact" }, inputs);
      for (const [at, point] of points.entries()) expect(got[at]).toEqual(await logitsOf(point.out, {}, inputs));
    }
  });
});

describe("the numbers of methods made for safety", () => {
  it.runIf(long)("are swept in one pass as far as the same is made for them, each point as if it were merged alone", async () => {
    const recipe = recipeOf("llama", "safe_lora");
    const grid = { threshold: [0.4, 0.6], lambda: [0, 0.5] };
    const out = join(folder, "grid");
    const { points, passes } = await sweep(recipe, grid, out);
    expect(passes).toBe(2);
    expect(points.map(({ name }) => name)).toEqual([
      "threshold-0.4_global-lambda-0",
      "threshold-0.4_global-lambda-0.5",
      "threshold-0.6_global-lambda-0",
      "threshold-0.6_global-lambda-0.5",
    ]);
    expect(gatedOf(points[3]?.gates).length).toBeGreaterThan(gatedOf(points[1]?.gates).length);
    for (const { name, parameters, out: place, gates } of points) {
      const alone = join(folder, `alone-${name}`);
      const report = await merge(recipeOf("llama", "safe_lora", parameters), alone);
      expect(report.gates).toEqual(gates);
      expect(contents(join(place, "model.safetensors"))).toEqual(contents(join(alone, "model.safetensors")));
    }
    const base = contents(join(golden, "llama", "aligned", "model.safetensors"));
    expect(contents(join(out, "threshold-0.4_global-lambda-0", "model.safetensors"))).toEqual(base);
  });

  it.runIf(long)("are the same bytes for any number of threads", async () => {
    for (const method of METHODS) {
      const bytes = [];
      for (const threads of [1, 3]) {
        const out = join(folder, `${method}-${threads}`);
        await merge(recipeOf("gemma2", method), out, { threads });
        bytes.push(contents(join(out, "model.safetensors")));
      }
      expect(bytes[1]).toEqual(bytes[0]);
    }
  });

  it("let DARE drop values of V, and of V only", async () => {
    const out = join(folder, "dropped");
    await merge(recipeOf("llama", "resta", { lambda: 0, gamma: 1, density: 0.5 }), out);
    const [got, a, u] = [readCheckpoint(out), ...["aligned", "unaligned"].map((role) => readCheckpoint(join(golden, "llama", role)))];
    let [kept, all] = [0, 0];
    for (const [name, { values }] of got) {
      for (const [at, value] of values.entries()) {
        const from = (a as typeof got).get(name)?.values[at] as number;
        const v = from - ((u as typeof got).get(name)?.values[at] as number);
        all += 1;
        if (value === from) continue;
        kept += 1;
        expect(Math.abs(value - from - 2 * v)).toBeLessThan(1e-5);
      }
    }
    expect(kept / all).toBeGreaterThan(0.46);
    expect(kept / all).toBeLessThan(0.54);
  });
});
