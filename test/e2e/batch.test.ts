// Many merges: what is skipped, made, made again and refused; one failure beside others; stages and parts.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type BatchEntry, type BatchReport, batch, merge, verify } from "../../lib/index.js";
import { languageModel, writeModel } from "./mergeModels.js";

let folder: string;
let outs: string;
let a: string;
let b: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-batch-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache")); // the digest cache
  outs = join(folder, "outs");
  a = writeModel(join(folder, "models", "a"), languageModel(1));
  b = writeModel(join(folder, "models", "b"), languageModel(2));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const linear = (weight: number, models = [a, b]) => ({
  merge_method: "linear",
  models: models.map((model, at) => ({ model, parameters: { weight: at === 0 ? 1 - weight : weight } })),
});
const entry = (name: string, weight: number): BatchEntry => ({ recipe: linear(weight), out: name });
const statuses = ({ entries }: BatchReport) => entries.map(({ status }) => status);
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
/** Every file of an output but its record, which holds times. */
const contents = (out: string) => {
  const names = readdirSync(out).filter((name) => name !== "retemper.json");
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(out, name), "base64")]));
};
const inode = (out: string) => statSync(join(out, "model.safetensors")).ino;

describe("a batch", () => {
  it("makes every entry, each the same as a merge by itself", async () => {
    const report = await batch([entry("x", 0.2), entry("y", 0.7)], { out: outs });
    expect(statuses(report)).toEqual(["made", "made"]);
    expect(report.counts).toEqual({ made: 2, skipped: 0, failed: 0, blocked: 0, notRun: 0 });
    expect(report.firstError).toBeUndefined();
    expect(readdirSync(outs).sort()).toEqual(["x", "y"]);
    for (const [name, weight] of [
      ["x", 0.2],
      ["y", 0.7],
    ] as const) {
      await merge(linear(weight), join(folder, "single", name));
      expect(contents(join(outs, name))).toEqual(contents(join(folder, "single", name)));
    }
  });

  it("makes the same bytes with several jobs, all threads shared", async () => {
    const entries = Array.from({ length: 6 }, (_, at) => entry(`o${at}`, at / 10));
    await batch(entries, { out: outs, jobs: 3, threads: 4, maxMemory: 300_000_000 });
    await batch(entries, { out: join(folder, "one"), jobs: 1 });
    for (let at = 0; at < 6; at++) {
      expect(contents(join(outs, `o${at}`))).toEqual(contents(join(folder, "one", `o${at}`)));
    }
  });

  it("reads a YAML manifest, with recipes beside it and in it", async () => {
    mkdirSync(join(folder, "jobs"));
    write("jobs/recipe.json", JSON.stringify(linear(0.3)));
    const manifest = write(
      "jobs/manifest.yml",
      `- recipe: recipe.json\n  out: x\n- recipe: ${JSON.stringify(linear(0.4))}\n  out: y\n  options: {seed: 7}\n` +
        `- out: z\n  recipe: |\n    merge_method: passthrough\n    models: [{model: ${a}}]\n`,
    );
    const report = await batch(manifest, { out: outs });
    expect(statuses(report)).toEqual(["made", "made", "made"]);
    expect(report.entries[0]?.recipe).toBe(join(folder, "jobs/recipe.json"));
    expect(JSON.parse(readFileSync(join(outs, "y/retemper.json"), "utf8")).seed).toBe(7);
    expect(statuses(await batch(manifest, { out: outs }))).toEqual(["skipped", "skipped", "skipped"]);
  });

  it("reads JSON lines and folders of recipes", async () => {
    const lines = [0.1, 0.2].map((weight) => JSON.stringify({ recipe: linear(weight), out: `w${weight}` }));
    const report = await batch(write("manifest.jsonl", `${lines.join("\n")}\n\n`), { out: outs });
    expect(report.entries.map(({ out }) => out)).toEqual([join(outs, "w0.1"), join(outs, "w0.2")]);
    mkdirSync(join(folder, "recipes"));
    write("recipes/one.json", JSON.stringify(linear(0.1)));
    write("recipes/two.yml", `merge_method: passthrough\nmodels: [{model: ${b}}]\n`);
    write("recipes/notes.txt", "no recipe");
    const second = await batch(join(folder, "recipes"), { out: outs });
    expect(second.entries.map(({ out, status }) => [out, status])).toEqual([
      [join(outs, "one"), "made"],
      [join(outs, "two"), "made"],
    ]);
  });

  it("tells progress and results as they come", async () => {
    const told: string[] = [];
    const seen = new Set<string>();
    await batch([entry("x", 0.2), entry("y", 0.7)], {
      out: outs,
      onEntry: ({ out, status }) => told.push(`${out} ${status}`),
      onProgress: ({ out, phase, finished, entries }) => seen.add(`${out} ${phase} ${finished}/${entries}`),
    });
    expect(told).toEqual([`${join(outs, "x")} made`, `${join(outs, "y")} made`]);
    expect([...seen]).toContain(`${join(outs, "x")} merge 0/2`);
    expect([...seen]).toContain(`${join(outs, "y")} finish 1/2`);
  });

  it("stops where it is when aborted, and goes on from there", async () => {
    const stop = new AbortController();
    const entries = [entry("x", 0.2), entry("y", 0.7), entry("z", 0.8)];
    const reason = new Error("enough");
    const running = batch(entries, { out: outs, signal: stop.signal, onEntry: () => stop.abort(reason) });
    await expect(running).rejects.toBe(reason);
    expect(readdirSync(outs)).toEqual(["x"]);
    expect(statuses(await batch(entries, { out: outs }))).toEqual(["skipped", "made", "made"]);
  });
});

describe("an output that exists", () => {
  const one = (weight = 0.2): BatchEntry[] => [entry("x", weight)];
  const refused = (text: RegExp) => {
    return expect.objectContaining({ code: "OUTPUT_EXISTS", message: expect.stringMatching(text) });
  };
  let out: string;
  beforeEach(async () => {
    out = join(outs, "x");
    await batch(one(), { out: outs });
  });

  it("is skipped when it is complete and what the merge would write", async () => {
    const before = inode(out);
    const report = await batch(one(), { out: outs });
    expect(statuses(report)).toEqual(["skipped"]);
    expect(report.bytesWritten).toBe(0);
    expect(statuses(await batch(one(), { out: outs, force: true }))).toEqual(["skipped"]);
    expect(inode(out)).toBe(before);
  });

  it("is skipped when only the recipe's style changed", async () => {
    const yaml = `# the same\nmodels:\n- {parameters: {weight: 0.8}, model: ${a}}\n- {model: ${b}, parameters: {weight: 0.20}}\nmerge_method: linear\n`;
    expect(statuses(await batch([{ recipe: yaml, out: "x" }], { out: outs }))).toEqual(["skipped"]);
  });

  it("was perhaps made by a merge alone, and is skipped as well", async () => {
    await merge(linear(0.6), join(outs, "alone"));
    expect(statuses(await batch([entry("alone", 0.6)], { out: outs }))).toEqual(["skipped"]);
  });

  it("of another recipe is an error, and made again with force", async () => {
    const report = await batch(one(0.3), { out: outs });
    expect(statuses(report)).toEqual(["failed"]);
    expect(report.firstError).toEqual(refused(/made from another recipe/));
    expect(statuses(await batch(one(0.3), { out: outs, force: true }))).toEqual(["made"]);
    expect(statuses(await batch(one(0.3), { out: outs }))).toEqual(["skipped"]);
  });

  it.each([
    ["seed", { seed: 3 }, /the seed 0/],
    ["shard size", { outShardSize: 1000 }, /other options/],
    ["model card", { writeModelCard: false }, /other options/],
  ])("made with another %s is an error", async (_what, options, message) => {
    const report = await batch([{ ...(one()[0] as BatchEntry), options }], { out: outs });
    expect(report.firstError).toEqual(refused(message));
  });

  it("is an error when an input was rewritten since", async () => {
    writeModel(a, languageModel(3));
    expect((await batch(one(), { out: outs })).firstError).toEqual(refused(/was replaced or written to since/));
    expect(statuses(await batch(one(), { out: outs, force: true }))).toEqual(["made"]);
  });

  it("is an error when the configuration or tokenizer of an input changed, came or went", async () => {
    const config = readFileSync(join(a, "config.json"), "utf8");
    writeFileSync(join(a, "config.json"), config.replace("}", ', "extra": 1}'));
    expect((await batch(one(), { out: outs })).firstError).toEqual(refused(/config.json of .* was written to/));
    writeFileSync(join(a, "config.json"), config);
    expect(statuses(await batch(one(), { out: outs }))).toEqual(["skipped"]);
    writeFileSync(join(b, "tokenizer_config.json"), "{}");
    expect((await batch(one(), { out: outs })).firstError).toEqual(refused(/tokenizer_config.json of .* is new/));
  });

  it("is an error when a file of it is missing or cut", async () => {
    truncateSync(join(out, "model.safetensors"), 100);
    expect((await batch(one(), { out: outs })).firstError).toEqual(refused(/has 100 bytes/));
    rmSync(join(out, "config.json"));
    rmSync(join(out, "model.safetensors"));
    expect((await batch(one(), { out: outs })).firstError).toEqual(refused(/is missing/));
  });

  it("is an error when it is no merge's output", async () => {
    rmSync(join(out, "retemper.json"));
    expect((await batch(one(), { out: outs })).firstError).toEqual(refused(/no record/));
    expect(existsSync(join(out, "model.safetensors"))).toBe(true);
  });

  it("with a flipped byte is found with verify alone", async () => {
    const path = join(out, "model.safetensors");
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    writeFileSync(path, bytes);
    expect(statuses(await batch(one(), { out: outs }))).toEqual(["skipped"]);
    expect((await batch(one(), { out: outs, verify: true })).firstError).toEqual(refused(/not as it was written/));
    expect(statuses(await batch(one(), { out: outs, verify: true, force: true }))).toEqual(["made"]);
  });

  it("survives inputs that were copied, when their digests are known and verify reads them", async () => {
    const hashed = [{ ...entry("h", 0.2), options: { hashInputs: true } }];
    await batch(hashed, { out: outs });
    const path = join(a, "model.safetensors");
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
    expect(statuses(await batch(hashed, { out: outs }))).toEqual(["failed"]);
    expect(statuses(await batch(hashed, { out: outs, verify: true }))).toEqual(["skipped"]);
    writeModel(a, languageModel(4));
    expect(statuses(await batch(hashed, { out: outs, verify: true }))).toEqual(["failed"]);
  });

  it("loses what a killed run left beside it, and is skipped", async () => {
    mkdirSync(join(outs, ".x.retemper-0123456789ab"));
    writeFileSync(join(outs, ".x.retemper.lock"), "");
    expect(statuses(await batch(one(), { out: outs }))).toEqual(["skipped"]);
    expect(readdirSync(outs)).toEqual(["x"]);
  });
});

describe("a failed entry", () => {
  const broken: BatchEntry = {
    recipe: { merge_method: "passthrough", models: [{ model: "/no/such/model" }] },
    out: "broken",
  };
  const unreadable: BatchEntry = { recipe: { merge_method: "linaer", models: [] }, out: "unreadable" };

  it("leaves the others alone, and is the report's first error", async () => {
    const report = await batch([entry("x", 0.2), broken, unreadable, entry("y", 0.3)], { out: outs });
    expect(statuses(report)).toEqual(["made", "failed", "failed", "made"]);
    expect(report.firstError?.code).toBe("BAD_INPUT");
    expect(report.entries[2]?.error?.code).toBe("BAD_RECIPE");
    expect(readdirSync(outs).sort()).toEqual(["x", "y"]);
  });

  it("is the last one to start with failFast", async () => {
    const report = await batch([entry("x", 0.2), broken, entry("y", 0.3)], { out: outs, failFast: true });
    expect(statuses(report)).toEqual(["made", "failed", "notRun"]);
    expect(readdirSync(outs)).toEqual(["x"]);
  });

  it("blocks those that read its output", async () => {
    const report = await batch(
      [{ recipe: linear(0.5, [a, join(outs, "broken")]), out: "user" }, broken, entry("y", 0.3)],
      { out: outs },
    );
    expect(statuses(report)).toEqual(["blocked", "failed", "made"]);
    expect(report.firstError).toBe(report.entries[1]?.error);
  });

  it("names the line of the manifest where its recipe stands in it", async () => {
    const manifest = write("m.yml", `- out: x\n  recipe:\n    merge_method: linear\n    models: [{modle: ${a}}]\n`);
    const { firstError } = await batch(manifest, { out: outs });
    expect(firstError).toMatchObject({ code: "BAD_RECIPE", file: manifest, line: 4, column: 15 });
    expect(firstError?.hint).toMatch(/`model`/);
  });
});

describe("entries that read other entries' outputs", () => {
  it("come after these, whatever their order", async () => {
    const entries = [{ recipe: linear(0.5, [join(outs, "first"), b]), out: "second" }, entry("first", 0.2)];
    const order: string[] = [];
    const report = await batch(entries, { out: outs, jobs: 2, onEntry: ({ out }) => order.push(out) });
    expect(statuses(report)).toEqual(["made", "made"]);
    expect(order).toEqual([join(outs, "first"), join(outs, "second")]);
    expect((await verify(join(outs, "second"))).ok).toBe(true);
    expect(statuses(await batch(entries, { out: outs }))).toEqual(["skipped", "skipped"]);
  });

  it("must be made again when these were", async () => {
    const entries = (weight: number) => [
      entry("first", weight),
      { recipe: linear(0.5, [join(outs, "first"), b]), out: "second" },
    ];
    await batch(entries(0.2), { out: outs });
    expect(statuses(await batch(entries(0.3), { out: outs, force: true }))).toEqual(["made", "made"]);
  });
});

describe("before any work", () => {
  const refusal = (code: string, text: RegExp) =>
    expect.objectContaining({ code, message: expect.stringMatching(text) });
  const rejects = async (entries: BatchEntry[] | string, code: string, text: RegExp, at: object = {}) => {
    const refused = batch(entries, { out: outs });
    await expect(refused).rejects.toEqual(refusal(code, text));
    await expect(refused).rejects.toMatchObject(at);
    expect(existsSync(outs)).toBe(false);
  };

  it("refuses two entries with one output, naming both", async () => {
    const manifest = write(
      "m.json",
      `[{"recipe": ${JSON.stringify(linear(0.2))}, "out": "x"},\n {"recipe": ${JSON.stringify(linear(0.3))},\n  "out": "./x"}]`,
    );
    await rejects(manifest, "BAD_RECIPE", /x is the output of the entry on line 1/, {
      file: manifest,
      line: 3,
      column: 10,
    });
  });

  it("refuses outputs inside each other", async () => {
    await rejects([entry("x/y", 0.2), entry("x", 0.3)], "BAD_RECIPE", /x\/y lies inside .*x, which is an output/);
  });

  it("refuses outputs that are, contain or lie inside what is read", async () => {
    await rejects([{ recipe: linear(0.2), out: join(a, "inner") }], "OUTPUT_EXISTS", /lies inside .*models\/a/);
    await rejects([{ recipe: linear(0.2), out: join(folder, "models") }], "OUTPUT_EXISTS", /contains .*models\/a/);
    await rejects([entry("y", 0.1), { recipe: linear(0.2), out: a }], "OUTPUT_EXISTS", /its own input/);
    const recipe = write("r.json", JSON.stringify(linear(0.1)));
    await rejects([{ recipe, out: recipe }], "OUTPUT_EXISTS", /r.json/);
  });

  it("refuses entries that wait for each other", async () => {
    const [x, y] = [join(outs, "x"), join(outs, "y")];
    const entries = [
      { recipe: linear(0.5, [a, y]), out: "x" },
      { recipe: linear(0.5, [a, x]), out: "y" },
    ];
    await rejects(entries, "BAD_RECIPE", /wait for each other: .*x needs .*y needs .*x/);
  });

  it("refuses manifests of another shape, with the place and what was meant", async () => {
    const yaml = write("m.yml", `- recipe: r.yml\n  output: x\n- recipe: r.yml\n  out: y\n  options:\n    sede: 1\n`);
    await rejects(yaml, "BAD_RECIPE", /unknown key `output`[\s\S]*also line 6, column 5: .*unknown key `sede`/, {
      line: 1,
    });
    await rejects(write("e.yml", "recipes: []\n"), "BAD_RECIPE", /expected a list of \{recipe, out\}/);
    await rejects(write("n.yml", "[]\n"), "BAD_RECIPE", /empty/);
    await rejects(write("t.yml", "- r.yml\n"), "BAD_RECIPE", /an entry is a mapping/);
    const lines = `{"recipe": "r.yml", "out": "x"}\n{"recipe": "r.yml", "out": 5}\n`;
    await rejects(write("m.jsonl", lines), "BAD_RECIPE", /out:/, { line: 2, column: 28 });
    await rejects(write("b.jsonl", `{"recipe": "r.yml", "out": "x"}\n{"recipe": \n`), "BAD_RECIPE", /./, { line: 2 });
    await rejects(join(folder, "nothing.yml"), "USAGE", /can not read the manifest/);
    const alone = write("one.json", JSON.stringify(linear(0.1)));
    await expect(batch(alone)).rejects.toEqual(refusal("USAGE", /nothing says where its output goes/));
  });
});

describe("a part of a batch", () => {
  it("does its own entries, and all parts together every entry once", async () => {
    const entries = Array.from({ length: 7 }, (_, at) => entry(`o${at}`, at / 10));
    const done: number[] = [];
    for (const index of [0, 1, 2]) {
      const report = await batch(entries, { out: outs, partition: { index, count: 3 } });
      expect(new Set(statuses(report))).toEqual(new Set(["made"]));
      done.push(...report.entries.map((one) => one.index));
    }
    expect(done.sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(readdirSync(outs)).toHaveLength(7);
  });

  it("is refused outside the batch", async () => {
    const refused = batch([entry("x", 0.1)], { out: outs, partition: { index: 3, count: 3 } });
    await expect(refused).rejects.toMatchObject({ code: "USAGE", hint: expect.stringMatching(/0\/3 to 2\/3/) });
  });
});

describe("times", () => {
  it("of inputs that were touched make an output suspect", async () => {
    await batch([entry("x", 0.1)], { out: outs });
    utimesSync(join(a, "model.safetensors"), 1, 1);
    expect(statuses(await batch([entry("x", 0.1)], { out: outs }))).toEqual(["failed"]);
  });
});
