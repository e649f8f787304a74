// A sweep makes the same outputs as merges of its points, and keeps other outputs as they are.

import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadAddon } from "../../lib/addon/load.js";
import { type MergeOptions, merge, plan, type Recipe, sweep, verify } from "../../lib/index.js";
import { readRecord } from "../../lib/merge/record.js";
import { casesOf } from "../long.js";
import { demoAdapter, demoModel } from "./command.js";
import { languageModel, readCheckpoint, type TestModel, writeModel } from "./mergeModels.js";

let folder: string;
let out: string;
let [a, b, c] = ["", "", ""];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-sweep-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  const written = (seed: number) => writeModel(join(folder, "models", `m${seed}`), model(seed));
  [a, b, c] = [written(1), written(2), written(3)];
  out = join(folder, "outputs", "out");
  mkdirSync(join(folder, "outputs"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Negative zeros and an infinity show whether an end of a sweep is a copy; several blocks show the order of sums. */
function model(seed: number): TestModel {
  const large = Array.from({ length: 3 * 50_000 }, (_, i) => Math.fround(Math.sin(seed + i * 0.01) / (1 + (i % 7))));
  return {
    ...languageModel(seed),
    "model.layers.0.self_attn.q_proj.weight": { shape: [3, 50_000], values: large },
    "model.layers.1.self_attn.q_norm.weight": { shape: [4], values: seed === 1 ? [-0, 0, -0, 1] : [0, -0, 2, -0] },
    "model.layers.1.self_attn.k_norm.weight": {
      shape: [2],
      values: [seed === 2 ? Number.POSITIVE_INFINITY : 1, seed * 0.1],
    },
    "model.layers.0.self_attn.rotary_emb.inv_freq": { dtype: "BF16", shape: [2], values: [1, 0.5] },
    "model.layers.0.mask": { dtype: "I64", shape: [2], values: [3, 4] },
  };
}

/** Every file of an output by name. */
function contents(path: string): Map<string, string> {
  return new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name), "latin1")] as const));
}

/** Merges each point again, from the recipe that it holds, and compares every file. */
async function expectSinglesEqual(path: string, names: readonly string[], options: MergeOptions = {}): Promise<void> {
  expect(readdirSync(path).sort()).toEqual([...names].sort());
  for (const name of names) {
    const alone = join(folder, "alone", name);
    await merge(join(path, name, "mergekit_config.yml"), alone, options);
    expect(contents(join(path, name))).toEqual(contents(alone));
    expect((await verify(join(path, name))).problems).toEqual([]);
  }
}

const delta = (method: string, parameters: object = {}, global: object = {}): Recipe => ({
  merge_method: method,
  base_model: a,
  models: [{ model: a }, { model: b, parameters }],
  parameters: global,
});

const RECIPES: readonly [title: string, recipe: () => Recipe][] = [
  ["linear without weights", () => ({ merge_method: "linear", models: [{ model: a }, { model: b }] })],
  ["linear without normalisation", () => ({ ...pair("linear"), parameters: { normalize: false } })],
  ["slerp", () => ({ merge_method: "slerp", base_model: a, models: [{ model: a }, { model: b }] })],
  ["nuslerp", () => pair("nuslerp")],
  ["task_arithmetic", () => delta("task_arithmetic", {}, { normalize: false })],
  ["ties", () => delta("ties", { density: 0.5 }, { normalize: false })],
  ["dare_linear", () => delta("dare_linear", { density: 0.5 })],
  ["dare_ties", () => delta("dare_ties", { density: 0.5 })],
  ["breadcrumbs", () => delta("breadcrumbs", { density: 0.6, gamma: 0.1 })],
  ["breadcrumbs_ties", () => delta("breadcrumbs_ties", { density: 0.6, gamma: 0.1 })],
  ["della", () => delta("della", { density: 0.5, epsilon: 0.2 }, { normalize: false })],
  ["della_linear", () => delta("della_linear", { density: 0.5, epsilon: 0.2 })],
];

function pair(method: string): Recipe {
  return { merge_method: method, models: [a, b].map((one) => ({ model: one, parameters: { weight: 7 } })) };
}

describe("a sweep of lambda", () => {
  it.each(
    casesOf(
      RECIPES,
      RECIPES.filter(([title]) => !/without norm|^dare_linear|^breadcrumbs_ties|^della_linear/.test(title)),
    ),
  )("writes what single merges write: %s", async (_, recipe) => {
    const lambdas = casesOf([0, 0.1, 0.5, 1, 1.25], [0, 0.1, 1.25]);
    const report = await sweep(recipe(), { lambdas }, out);
    expect(report.passes).toBe(1);
    expect(report.points.map(({ parameters }) => parameters.lambdas)).toEqual(lambdas);
    await expectSinglesEqual(
      out,
      lambdas.map((lambda) => `lambda-${lambda}`),
    );
    const middle = report.points.map(({ files }) => files.find(({ path }) => path === "model.safetensors")?.sha256);
    expect(new Set(middle).size).toBe(lambdas.length);
  });

  it("copies the models at 0 and 1, whatever the other one holds", async () => {
    const report = await sweep(pair("linear"), { lambdas: [0, 0.5, 1] }, out);
    expect(report.points.map(({ tensors }) => tensors.copied)).toEqual([12, 1, 12]);
    expect(readCheckpoint(join(out, "lambda-0"))).toEqual(readCheckpoint(a));
    expect(readCheckpoint(join(out, "lambda-1"))).toEqual(readCheckpoint(b));
  });

  it("writes what single merges write for a model and its adapter, in several shards", async () => {
    const recipe = {
      merge_method: "linear",
      models: [{ model: demoModel }, { model: `${demoModel}+${demoAdapter}` }],
    };
    const options = { outShardSize: 400_000 };
    const lambdas = casesOf([0, 0.2, 0.4, 1], [0, 0.4]);
    const report = await sweep(recipe, { lambdas }, out, options);
    expect(report.points[0]?.files.filter(({ path }) => /^model-0.*safetensors$/.test(path)).length).toBeGreaterThan(1);
    expect(report.points[0]?.files.map(({ path }) => path)).toContain("tokenizer.json");
    const names = lambdas.map((lambda) => `lambda-${lambda}`);
    await expectSinglesEqual(out, names, options);
  });

  it("writes what single merges write for slices, modules and gradients", async () => {
    const sources = [a, b].map((one) => ({ model: one, layer_range: [0, 1] }));
    const slices = [{ sources }, { sources: sources.map((one) => ({ ...one, layer_range: [1, 2] })) }];
    await sweep({ merge_method: "slerp", base_model: a, slices, parameters: { t: [0, 1] } }, { lambdas: [0.3] }, out);
    const modules = { model: { slices }, lm_head: { models: [{ model: a }, { model: b }] } };
    await sweep({ merge_method: "linear", modules }, { lambdas: [0.7] }, out);
    await sweep({ merge_method: "linear", slices }, { lambdas: [0.6] }, out);
    await expectSinglesEqual(out, ["lambda-0.3", "lambda-0.6", "lambda-0.7"]);
  });

  it("writes weights as one would write them by hand", async () => {
    await sweep(pair("linear"), { lambdas: [0.9] }, out);
    const text = readFileSync(join(out, "lambda-0.9", "mergekit_config.yml"), "utf8");
    expect(text).toContain("weight: 0.1\n");
    expect(text).toContain("weight: 0.9\n");
  });

  it("weighs a base that is listed nowhere", async () => {
    await sweep({ merge_method: "linear", base_model: a, models: [{ model: b }] }, { lambdas: [0, 0.25] }, out);
    await expectSinglesEqual(out, ["lambda-0", "lambda-0.25"]);
    expect(readFileSync(join(out, "lambda-0", "model.safetensors"))).toHaveLength(
      readFileSync(join(out, "lambda-0.25", "model.safetensors")).length,
    );
  });

  it("warns where normalising makes the weight of one model meaningless", async () => {
    const { warnings } = await sweep(delta("ties", { density: 0.5 }), { lambdas: [0.2, 0.8] }, out);
    expect(warnings.join()).toMatch(/normalize: false/);
  });

  it("is also there for a single merge and for a plan", async () => {
    const recipe = { merge_method: "linear", models: [{ model: a }, { model: b }] };
    await merge(recipe, join(out, "lambda-0.4"), { lambda: 0.4 });
    await sweep(recipe, { lambdas: [0.4] }, join(folder, "swept"));
    expect(contents(join(out, "lambda-0.4"))).toEqual(contents(join(folder, "swept", "lambda-0.4")));
    expect((await plan(recipe, { lambda: 1 })).operations).toEqual({ copy: 12 });
  });

  it.each([
    ["three models", () => ({ merge_method: "linear", models: [{ model: a }, { model: b }, { model: c }] }), /weight=/],
    ["one model", () => ({ merge_method: "linear", models: [{ model: a }] }), /--vary weight/],
    [
      "two tuned models",
      () => ({ ...delta("ties"), models: [{ model: a }, { model: b }, { model: c }] }),
      /--vary weight/,
    ],
    [
      "model_stock, which has no lambda",
      () => ({ merge_method: "model_stock", base_model: a, models: [{ model: b }, { model: c }] }),
      /--vary/,
    ],
  ] as const)("is refused for %s, with a pointer to --vary", async (_, recipe, hint) => {
    const error = { code: "USAGE", hint: expect.stringMatching(hint) };
    await expect(sweep(recipe() as Recipe, { lambdas: [0.5] }, out)).rejects.toMatchObject(error);
    await expect(merge(recipe() as Recipe, out, { lambda: 0.5 })).rejects.toMatchObject(error);
    expect(readdirSync(join(folder, "outputs"))).toEqual([]);
  });
});

describe("a sweep of other parameters", () => {
  it("makes every combination, each as if merged alone", async () => {
    const grid = { lambdas: [0.3, 0], density: casesOf([0, 0.4, 1], [0, 0.4]), lambda: [1, 0.5] };
    const report = await sweep(delta("dare_ties", { weight: 5, density: 0.9 }), grid, out);
    const names = report.points.map(({ name }) => name);
    expect(names).toHaveLength(2 * grid.density.length * 2);
    expect(names.slice(0, 2)).toEqual([
      "lambda-0.3_density-0_global-lambda-1",
      "lambda-0.3_density-0_global-lambda-0.5",
    ]);
    expect(report.points[0]?.parameters).toEqual({ lambdas: 0.3, density: 0, lambda: 1 });
    await expectSinglesEqual(out, names);
  });

  it.each([
    [
      "t of slerp",
      () => ({ merge_method: "slerp", base_model: a, models: [{ model: a }, { model: b }] }),
      { t: [0, 0.5, 1] },
    ],
    [
      "weight of all models",
      () => ({ ...delta("task_arithmetic"), models: [b, c].map((one) => ({ model: one })) }),
      { weight: [0, 0.4] },
    ],
    [
      "densities of two models",
      () => ({ ...delta("ties"), models: [b, c].map((one) => ({ model: one, parameters: { weight: 1 } })) }),
      { density: [0.2, 0.21, 0.8, 1] },
    ],
    ["gamma", () => delta("breadcrumbs", { weight: 1, density: 0.5 }), { gamma: [0, 0.1, 0.3] }],
    ["epsilon", () => delta("della", { weight: 1, density: 0.5 }), { epsilon: [0.1, 0.4] }],
    [
      "select_topk",
      () => ({ merge_method: "sce", base_model: a, models: [{ model: b }, { model: c }] }),
      { select_topk: [0, 0.3, 1] },
    ],
    [
      "max_iter",
      () => ({ merge_method: "karcher", models: [a, b, c].map((one) => ({ model: one })) }),
      { max_iter: [1, 10] },
    ],
    [
      "r of RAM+",
      () => ({ merge_method: "ramplus_tl", base_model: a, models: [{ model: b }, { model: c }] }),
      { r: [0, 0.5] },
    ],
    [
      "t of nearswap",
      () => ({ merge_method: "nearswap", base_model: a, models: [{ model: a }, { model: b }] }),
      { t: [0.1, 0.2] },
    ],
  ] as const)("writes what single merges write: %s", async (_, recipe, grid) => {
    const report = await sweep(recipe() as Recipe, grid as unknown as Record<string, number[]>, out);
    await expectSinglesEqual(
      out,
      report.points.map(({ name }) => name),
    );
  });

  it("replaces values with filters, of slices and of single models", async () => {
    const filtered = delta("ties", { weight: 1, density: [{ filter: "mlp", value: 0.9 }, { value: [0.1, 0.2] }] });
    await sweep(filtered, { density: [0.5] }, out);
    const plain = await sweep(delta("ties", { weight: 1 }), { density: [0.5] }, join(folder, "plain"));
    const tensors = (path: string) => readFileSync(join(path, "density-0.5", "model.safetensors"));
    expect(tensors(out).equals(tensors(plain.out))).toBe(true);
  });

  it.each([
    ["a parameter that the method does not have", { densty: [0.5] }, /densty/],
    ["a parameter that is no number", { normalize: [1] }, /no number/],
    ["no values", { density: [] }, /no values/],
    ["no parameters", {}, /values to set/],
    ["a value that is not finite", { density: [Number.NaN] }, /finite/],
    ["the weight beside lambda", { lambdas: [1], weight: [1] }, /beside/],
    [
      "far too many points",
      { density: Array.from({ length: 200 }, (_, i) => i), lambda: Array.from({ length: 200 }, (_, i) => i) },
      /40000 points/,
    ],
  ] as const)("refuses %s", async (_, grid, message) => {
    const swept = sweep(delta("ties", { weight: 1 }), grid as unknown as Record<string, number[]>, out);
    await expect(swept).rejects.toMatchObject({ code: "USAGE", message: expect.stringMatching(message) });
  });

  it("says what is wrong with any point before it writes the first", async () => {
    const swept = sweep(delta("della", { weight: 1, density: 0.5 }), { epsilon: [0.1, 0.6] }, out);
    await expect(swept).rejects.toMatchObject({ code: "BAD_RECIPE" });
    expect(readdirSync(join(folder, "outputs"))).toEqual([]);
  });
});

describe("the folder of a sweep", () => {
  it("may hold other points and files", async () => {
    mkdirSync(out);
    writeFileSync(join(out, "notes.txt"), "mine");
    await sweep(pair("linear"), { lambdas: [0.1] }, out);
    await sweep(pair("linear"), { lambdas: [0.2] }, out);
    expect(readdirSync(out).sort()).toEqual(["lambda-0.1", "lambda-0.2", "notes.txt"]);
    expect(readdirSync(join(folder, "outputs"))).toEqual(["out"]);
  });

  it("keeps points that exist, all of them named in the refusal", async () => {
    await sweep(pair("linear"), { lambdas: [0.1, 0.2] }, out);
    const before = contents(join(out, "lambda-0.1"));
    const again = sweep(pair("linear"), { lambdas: [0.1, 0.2, 0.3] }, out);
    await expect(again).rejects.toMatchObject({
      code: "OUTPUT_EXISTS",
      message: expect.stringMatching(/lambda-0\.1, lambda-0\.2$/),
    });
    expect(readdirSync(out).sort()).toEqual(["lambda-0.1", "lambda-0.2"]);
    expect(contents(join(out, "lambda-0.1"))).toEqual(before);
  });

  it("replaces points with force, and leaves nothing beside them", async () => {
    await sweep(pair("linear"), { lambdas: [0.1, 0.2] }, out);
    await sweep({ ...pair("linear"), dtype: "bfloat16" }, { lambdas: [0.2] }, out, { force: true });
    expect(readdirSync(out).sort()).toEqual(["lambda-0.1", "lambda-0.2"]);
    const config = JSON.parse(readFileSync(join(out, "lambda-0.2", "config.json"), "utf8"));
    expect(config.torch_dtype ?? config.dtype).toBe("bfloat16");
  });

  it("is refused while another run has it", async () => {
    const lock = loadAddon().lockFile(join(folder, "outputs", ".out.retemper.lock"));
    const swept = sweep(pair("linear"), { lambdas: [0.1] }, out);
    await expect(swept).rejects.toMatchObject({ code: "OUTPUT_EXISTS", message: expect.stringMatching(/another run/) });
    lock?.release();
    expect(existsSync(out)).toBe(false);
  });

  it("gets rid of what dead runs left in it and beside it, and leaves live runs alone", async () => {
    mkdirSync(join(out, ".lambda-0.7.retemper-0123456789ab", "inner"), { recursive: true });
    mkdirSync(join(out, ".lambda-0.8.retemper-0123456789ab-old"));
    mkdirSync(join(out, ".lambda-0.9.retemper-0123456789ab"));
    writeFileSync(join(out, ".lambda-0.7.retemper.lock"), "");
    mkdirSync(join(folder, "outputs", ".out.retemper-0123456789ab"));
    const live = loadAddon().lockFile(join(out, ".lambda-0.9.retemper.lock"));
    await sweep(pair("linear"), { lambdas: [0.1] }, out);
    live?.release();
    expect(readdirSync(out).sort()).toEqual([".lambda-0.9.retemper-0123456789ab", "lambda-0.1", "lambda-0.8"]);
    expect(readdirSync(join(folder, "outputs"))).toEqual(["out"]);
  });

  it("is refused where a point is an input, holds one, or lies in one", async () => {
    symlinkSync(a, join(folder, "outputs", "link"));
    mkdirSync(out);
    symlinkSync(a, join(out, "lambda-0.1"));
    mkdirSync(join(out, "lambda-0.2"));
    linkSync(join(b, "model.safetensors"), join(out, "lambda-0.2", "model.safetensors"));
    const refused = { code: "OUTPUT_EXISTS" };
    const force = { force: true };
    await expect(sweep(pair("linear"), { lambdas: [0.1] }, out, force)).rejects.toMatchObject(refused);
    await expect(sweep(pair("linear"), { lambdas: [0.2] }, out, force)).rejects.toMatchObject(refused);
    await expect(sweep(pair("linear"), { lambdas: [0.3] }, a, force)).rejects.toMatchObject(refused);
    const link = join(folder, "outputs", "link");
    await expect(sweep(pair("linear"), { lambdas: [0.3] }, link, force)).rejects.toMatchObject(refused);
    await expect(sweep(pair("linear"), { lambdas: [0.3] }, join(a, "config.json"))).rejects.toMatchObject(refused);
    expect(readdirSync(a).sort()).toEqual(["config.json", "model.safetensors"]);
  });

  it("stays away when the sweep fails or is aborted", async () => {
    const failed = sweep(pair("linear"), { lambdas: [0, 0.5] }, out, { failOnNonfinite: true });
    await expect(failed).rejects.toMatchObject({ code: "BAD_INPUT" });
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborted = sweep(pair("linear"), { lambdas: [0, 0.5] }, out, {
      signal: controller.signal,
      onProgress: ({ phase }) => phase === "merge" && controller.abort(reason),
    });
    await expect(aborted).rejects.toBe(reason);
    expect(readdirSync(join(folder, "outputs"))).toEqual([]);
  });

  it("keeps what is unfinished on request, and names it", async () => {
    const failed = sweep(pair("linear"), { lambdas: [0.5] }, out, { failOnNonfinite: true, keepPartial: true });
    const hint = expect.stringMatching(/kept in .*\.lambda-0\.5\.retemper-[0-9a-f]{12}$/);
    await expect(failed).rejects.toMatchObject({ code: "BAD_INPUT", hint });
    expect(readdirSync(join(out, readdirSync(out)[0] as string))).toContain("model.safetensors");
  });
});

describe("a sweep that needs several passes", () => {
  it("writes the same bytes, and keeps what earlier passes finished", async () => {
    const lambdas = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
    await sweep(pair("linear"), { lambdas }, join(folder, "whole"));
    const options = { threads: 1, maxMemory: 24_000_000 };
    const report = await sweep(pair("linear"), { lambdas }, out, options);
    expect(report.passes).toBeGreaterThan(1);
    for (const { name, out: point } of report.points) {
      expect(contents(point)).toEqual(contents(join(folder, "whole", name)));
    }
    rmSync(out, { recursive: true });
    let before = "";
    const stopped = sweep(pair("linear"), { lambdas }, out, {
      ...options,
      onProgress({ phase }) {
        if (phase === "merge" && before === "finish") throw new Error("enough");
        before = phase;
      },
    });
    await expect(stopped).rejects.toThrow("enough");
    const left = readdirSync(out);
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(lambdas.length);
    for (const name of left) expect((await verify(join(out, name))).ok).toBe(true);
  });
});

describe("the record of a point", () => {
  it("lists every file of it", async () => {
    const report = await sweep(pair("linear"), { lambdas: [0.5] }, out, { verify: true, hashInputs: true });
    const [point] = report.points;
    expect(await readRecord(point?.out ?? "")).toEqual(point?.files);
    expect(basename(point?.out ?? "")).toBe("lambda-0.5");
  });
});
