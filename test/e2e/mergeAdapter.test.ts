// Merges that are written as adapters: the base with the adapter has the written merge's weights, or the error is told.

import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inspect, type MergeOptions, merge, plan, type Recipe, sweep, verify } from "../../lib/index.js";
import { demoAdapter, demoModel, run } from "./command.js";
import { readCheckpoint, type TestModel, writeModel } from "./mergeModels.js";

let folder: string;
let base: string;

const LAYER = "model.layers.0.self_attn.q_proj";
const OTHER = "model.layers.0.mlp.up_proj";
const fill = (count: number, salt: number) =>
  Array.from({ length: count }, (_, i) => Math.sin(i * (0.7 + salt / 9) + salt));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-merge-adapter-"));
  base = writeModel(join(folder, "base"), {
    "model.embed_tokens.weight": { shape: [5, 4], values: fill(20, 1) },
    [`${LAYER}.weight`]: { shape: [6, 4], values: fill(24, 2) },
    [`${LAYER}.bias`]: { shape: [6], values: fill(6, 3) },
    [`${OTHER}.weight`]: { shape: [7, 4], values: fill(28, 3) },
    "model.norm.weight": { shape: [4], values: fill(4, 5) },
    "lm_head.weight": { shape: [5, 4], values: fill(20, 4) },
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function lora(module: string, rank: number, outputs: number, salt: number): TestModel {
  return {
    [`base_model.model.${module}.lora_A.weight`]: { shape: [rank, 4], values: fill(rank * 4, salt) },
    [`base_model.model.${module}.lora_B.weight`]: { shape: [outputs, rank], values: fill(outputs * rank, salt + 1) },
  };
}

/** The base with an adapter of these tensors. */
function adapted(name: string, tensors: TestModel, config: object): string {
  const path = writeModel(join(folder, name), tensors);
  renameSync(join(path, "model.safetensors"), join(path, "adapter_model.safetensors"));
  rmSync(join(path, "config.json"));
  const settings = { peft_type: "LORA", lora_alpha: 3, base_model_name_or_path: "elsewhere", ...config };
  writeFileSync(join(path, "adapter_config.json"), JSON.stringify(settings));
  return `${base}+${path}`;
}

const three = () => [
  adapted("first", lora(LAYER, 1, 6, 5), { r: 1 }),
  adapted(
    "second",
    { ...lora(LAYER, 2, 6, 6), ...lora(OTHER, 1, 7, 7) },
    { r: 2, rank_pattern: { up_proj: 1 }, use_rslora: true },
  ),
  adapted("third", lora(OTHER, 3, 7, 8), { r: 3, lora_alpha: 6 }),
];

const sum = (models: readonly string[], weights: readonly number[], more: object = {}): Recipe => ({
  merge_method: "task_arithmetic",
  base_model: base,
  out_dtype: "float32",
  models: models.map((model, at) => ({ model, parameters: { weight: weights[at] } })),
  ...more,
});

type Weights = ReadonlyMap<string, { readonly values: readonly number[] }>;

const flat = (weights: Weights, names: Iterable<string>) =>
  [...names].flatMap((name) => weights.get(name)?.values ?? []);
const norm = (values: readonly number[]) => Math.hypot(...values);
const minus = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value - (b[i] as number));

/** The weights of a model, also of base + adapter. */
async function weightsOf(model: string, name: string): Promise<Weights> {
  const recipe = { merge_method: "passthrough", out_dtype: "float32", models: [{ model }] };
  await merge(recipe, join(folder, "read", name));
  return readCheckpoint(join(folder, "read", name));
}

/** Writes the merge and the adapter; the largest difference of their weights, and the adapter. */
async function both(recipe: Recipe, options: MergeOptions = {}) {
  const { format: _, rank: __, ...plain } = options;
  await merge(recipe, join(folder, "whole"), { ...plain, force: true });
  const out = join(folder, "adapter");
  const report = await merge(recipe, out, { ...options, format: "adapter" });
  const [whole, got] = [readCheckpoint(join(folder, "whole")), await weightsOf(`${base}+${out}`, "made")];
  expect([...got.keys()].sort()).toEqual([...whole.keys()].sort());
  const difference = Math.max(...minus(flat(whole, whole.keys()), flat(got, whole.keys())).map(Math.abs));
  expect((await verify(out)).problems).toEqual([]);
  const config = JSON.parse(readFileSync(join(out, "adapter_config.json"), "utf8"));
  return { difference, report, config, out, whole, got };
}

describe("a merge that is written as an adapter", () => {
  it("joins adapters of different ranks without cross terms", async () => {
    const { difference, config, report, out } = await both(sum(three(), [0.5, -0.7, 1.3]));
    expect(difference).toBeLessThan(2e-6);
    expect(config).toMatchObject({
      r: 4,
      rank_pattern: { [LAYER]: 3 },
      alpha_pattern: { [LAYER]: 3 },
      target_modules: ["q_proj", "up_proj"],
    });
    expect(report.adapter).toMatchObject({ base, kept: 1, error: 0, whole: [] });
    expect(readdirSync(out)).toEqual([
      "README.md",
      "adapter_config.json",
      "adapter_model.safetensors",
      "mergekit_config.yml",
      "retemper.json",
    ]);
    expect((await inspect(out)).kind).toBe("adapter");
    expect(readFileSync(join(out, "README.md"), "utf8")).toContain('library_name: "peft"');
  });

  it("has the same bytes for any number of threads", async () => {
    const recipe = sum(three(), [0.5, -0.7, 1.3]);
    const digests = [];
    for (const threads of [1, 3]) {
      const { files } = await merge(recipe, join(folder, `${threads}`), { format: "adapter", rank: 2, threads });
      digests.push(files.map(({ path, sha256 }) => [path, path === "README.md" || sha256]));
    }
    expect(digests[0]).toEqual(digests[1]);
  });

  it("takes a lambda between the base and the base with an adapter, and a base model with an adapter", async () => {
    const [first, second] = three() as [string, string];
    const line = { merge_method: "linear", out_dtype: "float32", models: [{ model: base }, { model: second }] };
    expect((await both(line, { lambda: 0.3 })).difference).toBeLessThan(2e-6);
    rmSync(join(folder, "adapter"), { recursive: true });
    rmSync(join(folder, "read"), { recursive: true });
    const moved = sum([second], [0.4], { base_model: first });
    expect((await both(moved)).difference).toBeLessThan(2e-6);
  });

  it("makes adapters of the stages of a recipe first", async () => {
    const [first, second, third] = three() as [string, string, string];
    await merge(sum([first, second], [0.5, 1.5]), join(folder, "inner"));
    await merge(sum([join(folder, "inner"), third], [0.8, 0.5]), join(folder, "whole"));
    const documents = [{ name: "inner", ...sum([first, second], [0.5, 1.5]) }, sum(["inner", third], [0.8, 0.5])];
    const text = documents.map((one) => JSON.stringify(one)).join("\n---\n");
    const out = join(folder, "adapter");
    await merge(text, out, { format: "adapter" });
    const [whole, got] = [readCheckpoint(join(folder, "whole")), await weightsOf(`${base}+${out}`, "made")];
    expect(Math.max(...minus(flat(whole, whole.keys()), flat(got, whole.keys())).map(Math.abs))).toBeLessThan(2e-6);
    expect(readFileSync(join(out, "mergekit_config.yml"), "utf8")).toContain("name: inner");
  });

  it("keeps norms, embeddings and biases whole where an adapter changes them", async () => {
    const saved = {
      "base_model.model.model.norm.weight": { shape: [4], values: fill(4, 9) },
      "base_model.model.model.embed_tokens.weight": { shape: [5, 4], values: fill(20, 9) },
      [`base_model.model.${LAYER}.lora_B.bias`]: { shape: [6], values: fill(6, 8) },
    };
    const model = adapted(
      "saves",
      { ...lora(LAYER, 2, 6, 5), ...saved },
      { r: 2, lora_bias: true, modules_to_save: ["norm", "embed_tokens"] },
    );
    const { difference, config, report } = await both(sum([model, three()[1] as string], [0.5, 0.25]));
    expect(difference).toBeLessThan(2e-6);
    expect(config).toMatchObject({ modules_to_save: ["model.embed_tokens", "model.norm"], bias: "all" });
    expect(report.adapter?.whole).toEqual(["model.embed_tokens.weight", `${LAYER}.bias`, "model.norm.weight"]);
  });

  it("is foreseen by a dry run: the ranks, what is whole, and the bytes", async () => {
    const recipe = sum(three(), [0.5, -0.7, 1.3]);
    const exact = await plan(recipe, { format: "adapter" });
    const { files, adapter } = await merge(recipe, join(folder, "exact"), { format: "adapter" });
    const names = (tensors: readonly { readonly name: string; readonly rank: number }[] = []) =>
      tensors.map(({ name, rank }) => [name, rank]).sort();
    expect(names(exact.adapter?.products)).toEqual(names(adapter?.tensors));
    expect(exact.adapter).toMatchObject({ base, whole: [] });
    expect(exact.adapter?.products.every((one) => one.exact)).toBe(true);
    expect(exact.tensors.map(({ name, file }) => [name, file]).sort()).toEqual(
      names(adapter?.tensors).map(([name]) => [name, "adapter_model.safetensors"]),
    );
    const bytes = files.find(({ path }) => path === "adapter_model.safetensors")?.bytes ?? 0;
    const foreseen = exact.files[0]?.bytes ?? 0;
    expect(bytes - foreseen).toBeGreaterThan(0); // its header
    expect(bytes - foreseen).toBeLessThanOrEqual(4096);
    const cut = (await plan(recipe, { format: "adapter", rank: 3 })).adapter?.products;
    expect(cut).toEqual([
      { name: `${LAYER}.weight`, rank: 3, exact: true },
      { name: `${OTHER}.weight`, rank: 3, exact: false },
    ]);
    const ties = sum([three()[0] as string], [1], { merge_method: "ties", parameters: { density: 0.5 } });
    await expect(plan(ties, { format: "adapter" })).rejects.toMatchObject({ code: "USAGE" });
    const rough = await plan(ties, { format: "adapter", rank: 2 });
    expect(rough.adapter?.products).toEqual([{ name: `${LAYER}.weight`, rank: 2, exact: false }]);
  });

  it("is shown by --dry-run, and nothing is written", async () => {
    const path = join(folder, "recipe.json");
    writeFileSync(path, JSON.stringify(sum(three(), [0.5, -0.7, 1.3])));
    const args = ["merge", path, join(folder, "dry"), "--dry-run", "--format", "adapter"];
    const text = await run(args);
    expect([text.status, text.stderr]).toEqual([0, ""]);
    expect(text.stdout).toMatch(/adapter +of .*base: 2 products of ranks 3 to 4 \(exact\)/);
    expect(text.stdout).toMatch(/write +\d+ B in 1 file/);
    const cut = await run([...args, "--rank", "2", "--json"]);
    const { result } = JSON.parse(cut.stdout.trim().split("\n").at(-1) as string);
    expect(result.adapter.products.map(({ rank }: { rank: number }) => rank)).toEqual([2, 2]);
    expect((await run(["plan", path, "--format", "adapter", "--rank", "2"])).stdout).toMatch(
      /2 products of rank 2 \(2 of them approximated, at most\)/,
    );
    expect(readdirSync(folder)).not.toContain("dry");
  });

  it("copies the tokenizer's files, unless that is unwanted", async () => {
    const recipe = { merge_method: "linear", models: [{ model: demoModel }, { model: `${demoModel}+${demoAdapter}` }] };
    await merge(recipe, join(folder, "with"), { lambda: 0.5, format: "adapter" });
    await merge(recipe, join(folder, "without"), { lambda: 0.5, format: "adapter", copyTokenizer: false });
    expect(readdirSync(join(folder, "with"))).toContain("tokenizer.json");
    expect(readdirSync(join(folder, "without"))).not.toContain("tokenizer.json");
  });
});

describe("an adapter of a lower rank than the merge", () => {
  it("is the nearest one, and the report tells what is missing by tensor and in all", async () => {
    const { report, whole, got } = await both(sum(three(), [0.5, -0.7, 1.3]), { rank: 2 });
    const start = readCheckpoint(base);
    const change = (weights: Weights, names: Iterable<string>) => minus(flat(weights, names), flat(start, names));
    const names = [`${LAYER}.weight`, `${OTHER}.weight`];
    const error = (of: readonly string[]) => norm(minus(change(got, of), change(whole, of))) / norm(change(whole, of));
    const { adapter } = report;
    expect(adapter?.tensors.map(({ name, rank }) => [name, rank])).toEqual(names.map((name) => [name, 2]));
    for (const { name, error: told, kept } of adapter?.tensors ?? []) {
      expect(told).toBeGreaterThan(0.001);
      expect(told).toBeCloseTo(error([name]), 5);
      expect(kept).toBeCloseTo(1 - told ** 2, 6);
    }
    expect(adapter?.error).toBeCloseTo(error(names), 5);
    expect(JSON.parse(readFileSync(join(report.out, "retemper.json"), "utf8")).adapter).toEqual(adapter);
    expect(readFileSync(join(report.out, "README.md"), "utf8")).toMatch(
      /approximation: \d+\.\d\d % of the squared norm/,
    );
  });

  it("has as many ranks as a share of the squared norm needs", async () => {
    const recipe = sum(three(), [0.5, -0.7, 1.3]);
    const kept = async (energy: number) => {
      const { adapter } = await merge(recipe, join(folder, "adapter"), { format: "adapter", energy, force: true });
      return { kept: adapter?.kept ?? 0, ranks: adapter?.tensors.map(({ rank }) => rank) ?? [] };
    };
    const [some, most] = [await kept(0.7), await kept(0.999)];
    expect(some.kept).toBeGreaterThanOrEqual(0.7);
    expect(most.kept).toBeGreaterThanOrEqual(0.999);
    expect(Math.max(...some.ranks)).toBeLessThan(Math.max(...most.ranks));
  });
});

describe("a merge that no adapter can hold", () => {
  const method =
    (name: string, parameters: object = {}) =>
    () => ({ ...sum(three(), [0.5, 0.5, 0.5], { parameters }), merge_method: name });
  const own = () => {
    const tensors = Object.fromEntries(
      [...readCheckpoint(base)].map(([name, { shape, values }]) => [
        name,
        { shape, values: values.map((x) => x + 0.1) },
      ]),
    );
    return writeModel(join(folder, "own"), tensors);
  };
  const dora = () => {
    const magnitude = { [`base_model.model.${LAYER}.lora_magnitude_vector`]: { shape: [6], values: fill(6, 9) } };
    return adapted("dora", { ...lora(LAYER, 2, 6, 5), ...magnitude }, { r: 2, use_dora: true });
  };
  it.each([
    [
      "dare_linear",
      method("dare_linear", { density: 0.5 }),
      /q_proj\.weight: the method drops values of the change at random/,
    ],
    ["ties", method("ties"), /q_proj\.weight: the method elects a sign for every value/],
    ["breadcrumbs", method("breadcrumbs", { density: 0.5 }), /drops the smallest values/],
    [
      "slerp",
      () => ({
        merge_method: "slerp",
        base_model: base,
        models: [{ model: base }, { model: three()[0] }],
        parameters: { t: 0.5 },
      }),
      /turns the weights along an arc/,
    ],
    ["DoRA", () => sum([dora()], [0.5]), /DoRA/],
    ["a model of its own", () => sum([own()], [0.5]), /own is a model of its own/],
    [
      "weights that do not add up to 1",
      () => ({
        merge_method: "linear",
        models: [{ model: three()[0], parameters: { weight: 0.4 } }],
        parameters: { normalize: false },
      }),
      /add up to 0\.4/,
    ],
  ] as const)("is refused by name, with a rank or extract as the way: %s", async (_, make, reason) => {
    await expect(merge(make() as Recipe, join(folder, "out"), { format: "adapter" })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringMatching(reason),
      hint: expect.stringMatching(/--rank.*extract/),
    });
    expect(readdirSync(folder)).not.toContain("out");
  });

  it("is refused where layers are put together in another order, where nothing changes, and in sweeps", async () => {
    const slices = [{ sources: [{ model: three()[0], layer_range: [0, 1] }] }];
    const options = { format: "adapter" } as const;
    await expect(merge({ merge_method: "passthrough", slices }, join(folder, "out"), options)).rejects.toThrow(
      /slices/,
    );
    const same = { merge_method: "linear", models: [{ model: base }, { model: three()[0] }] };
    await expect(merge(same, join(folder, "out"), { ...options, lambda: 0 })).rejects.toThrow(/nothing to adapt/);
    await expect(sweep(same, { lambdas: [0.5] }, join(folder, "out"), options as object)).rejects.toThrow(/outAdapter/);
    await expect(merge(same, join(folder, "out"), { ...options, lambda: 0.5, rank: 0 })).rejects.toMatchObject({
      code: "USAGE",
    });
  });
});
