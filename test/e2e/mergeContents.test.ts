// What is in an output: tensors, dtypes, tying, shards, vocabulary, report and record, over whole merges.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type MergeProgress, merge, plan } from "../../lib/index.js";
import { languageModel, readCheckpoint, type TestModel, writeModel } from "./mergeModels.js";

let folder: string;
let out: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "retemper-contents-"));
  out = join(folder, "out");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const model = (name: string, tensors: TestModel, config: object = {}) =>
  writeModel(join(folder, name), tensors, config);
const configOf = (path: string) => JSON.parse(readFileSync(join(path, "config.json"), "utf8"));

function linear(weights: readonly number[], models: readonly string[], more: object = {}) {
  const entries = models.map((path, at) => ({ model: path, parameters: { weight: weights[at] } }));
  return { merge_method: "linear", models: entries, ...more };
}

function mean(a: readonly number[] = [], b: readonly number[] = []): number[] {
  return a.map((value, i) => (value + (b[i] ?? Number.NaN)) / 2);
}

function expectClose(got: readonly number[] | undefined, want: readonly number[]): void {
  expect(got).toHaveLength(want.length);
  expect(want.length).toBeGreaterThan(0);
  for (const [i, value] of want.entries()) expect(got?.[i]).toBeCloseTo(value, 6);
}

describe("a weight of exactly one", () => {
  it("gives the model back bit for bit, whatever the other one holds", async () => {
    const values = [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY];
    const a = model("a", { ...languageModel(1), "model.norm.weight": { shape: [4], values } });
    const poison = [Number.POSITIVE_INFINITY, Number.NaN, 1, 2];
    const b = model("b", { ...languageModel(2), "model.norm.weight": { shape: [4], values: poison } });
    const report = await merge(linear([1, 0], [a, b]), out);
    expect(report.tensors.copied).toBe(report.tensors.tensors);
    expect(readCheckpoint(out).get("model.norm.weight")?.values).toEqual(values);
  });

  it.each([
    [0, "a"],
    [1, "b"],
  ])("holds for slerp with t = %i", async (t, name) => {
    const [a, b] = [model("a", languageModel(1)), model("b", languageModel(2))];
    await merge({ merge_method: "slerp", base_model: a, models: [{ model: a }, { model: b }], parameters: { t } }, out);
    const want = readCheckpoint(join(folder, name));
    for (const [tensor, { values }] of readCheckpoint(out)) expect(values).toEqual(want.get(tensor)?.values);
  });
});

describe("inputs", () => {
  it("count twice when the same model is listed twice", async () => {
    const [a, b] = [model("a", languageModel(1)), model("b", languageModel(2))];
    await merge(linear([1, 1, 2], [a, a, b]), out);
    const got = readCheckpoint(out).get("model.norm.weight")?.values ?? [];
    const [x, y] = [a, b].map((path) => readCheckpoint(path).get("model.norm.weight")?.values ?? []);
    expectClose(got, mean(x, y));
  });

  it("of mixed tying give a head of its own and an untied configuration", async () => {
    const tied = model("tied", languageModel(1, { head: false }), { tie_word_embeddings: true });
    const untied = model("untied", languageModel(2), { tie_word_embeddings: false });
    await merge(linear([0.5, 0.5], [tied, untied]), out);
    const head = readCheckpoint(out).get("lm_head.weight")?.values ?? [];
    const embedding = readCheckpoint(tied).get("model.embed_tokens.weight")?.values ?? [];
    const own = readCheckpoint(untied).get("lm_head.weight")?.values ?? [];
    expect(head).toHaveLength(24);
    expectClose(head, mean(embedding, own));
    expect(configOf(out).tie_word_embeddings).toBe(false);
  });

  it("that are all tied stay tied", async () => {
    const tie = { tie_word_embeddings: true };
    const [a, b] = [1, 2].map((seed) => model(`m${seed}`, languageModel(seed, { head: false }), tie)) as [
      string,
      string,
    ];
    await merge(linear([0.5, 0.5], [a, b]), out);
    expect([...readCheckpoint(out).keys()]).not.toContain("lm_head.weight");
    expect(configOf(out).tie_word_embeddings).toBe(true);
  });

  it("may differ in dtype: each tensor gets the smallest common one", async () => {
    const a = model("a", {
      "x.weight": { shape: [2], values: [1, 2] },
      "y.weight": { dtype: "BF16", shape: [2], values: [1, 3] },
    });
    const b = model("b", {
      "x.weight": { dtype: "BF16", shape: [2], values: [3, 4] },
      "y.weight": { dtype: "BF16", shape: [2], values: [2, 1] },
    });
    await merge(linear([0.5, 0.5], [a, b]), out);
    const got = readCheckpoint(out);
    expect(got.get("x.weight")).toMatchObject({ dtype: "F32", values: [2, 3] });
    expect(got.get("y.weight")).toMatchObject({ dtype: "BF16", values: [1.5, 2] });
  });

  it("keep float64", async () => {
    const [a, b] = [1, 2].map((x) =>
      model(`m${x}`, { "x.weight": { dtype: "F64", shape: [1], values: [x + 2 ** -40] } }),
    );
    await merge(linear([0.5, 0.5], [a as string, b as string]), out);
    expect(readCheckpoint(out).get("x.weight")).toMatchObject({ dtype: "F64", values: [1.5 + 2 ** -40] });
  });
});

describe("integer tensors", () => {
  const ids = (values: number[]): TestModel => ({
    ...languageModel(1),
    "model.position_ids": { dtype: "I64", shape: [3], values },
  });

  it("are copied when they are the same everywhere", async () => {
    await merge(linear([0.5, 0.5], [model("a", ids([5, 6, 7])), model("b", ids([5, 6, 7]))]), out);
    expect(readCheckpoint(out).get("model.position_ids")).toMatchObject({ dtype: "I64", values: [5, 6, 7] });
  });

  it("are refused when they differ, by name", async () => {
    const recipe = linear([0.5, 0.5], [model("a", ids([5, 6, 7])), model("b", ids([5, 6, 8]))]);
    await expect(merge(recipe, out)).rejects.toMatchObject({ code: "INCOMPATIBLE", tensor: "model.position_ids" });
    expect(readdirSync(folder).sort()).toEqual(["a", "b"]);
  });
});

describe("vocabularies of different sizes", () => {
  const tokens = (count: number) => ({
    version: "1.0",
    added_tokens: [],
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${i}`, i])),
      unk_token: "t0",
    },
  });
  const pair = () => {
    const paths = [
      model("a", languageModel(1, { rows: 6 }), { vocab_size: 6 }),
      model("b", languageModel(2, { rows: 8 }), { vocab_size: 8 }),
    ];
    writeFileSync(join(folder, "a", "tokenizer.json"), JSON.stringify(tokens(6)));
    writeFileSync(join(folder, "b", "tokenizer.json"), JSON.stringify(tokens(8)));
    return paths;
  };

  it("are refused with both ways out", async () => {
    const failure = await merge(linear([0.5, 0.5], pair()), out).catch((error) => error);
    expect(failure).toMatchObject({ code: "INCOMPATIBLE", exitStatus: 5 });
    expect(failure.message).toMatch(/embed_tokens.*6 rows.*8 rows/);
    expect(failure.hint).toMatch(/tokenizer: \{source: base\}.*--unsafe-truncate-embeddings/);
  });

  it("are cut to the common rows on request, in config.json too", async () => {
    await merge(linear([0, 1], pair()), out, { unsafeTruncateEmbeddings: true });
    const got = readCheckpoint(out).get("model.embed_tokens.weight");
    expect(got?.shape).toEqual([6, 4]);
    expect(got?.values).toEqual(
      readCheckpoint(join(folder, "b")).get("model.embed_tokens.weight")?.values.slice(0, 24),
    );
    expect(configOf(out).vocab_size).toBe(6);
  });

  it("meet in the union, where a token's only owner gives its row", async () => {
    await merge(linear([0.5, 0.5], pair(), { tokenizer: { source: "union" } }), out);
    const got = readCheckpoint(out).get("lm_head.weight");
    const b = readCheckpoint(join(folder, "b")).get("lm_head.weight")?.values ?? [];
    expect(got?.shape).toEqual([8, 4]);
    expectClose(got?.values.slice(24), b.slice(24));
    expect(configOf(out).vocab_size).toBe(8);
    expect(readFileSync(join(out, "tokenizer.json"), "utf8")).toContain('"t7"');
  });

  it("bring no template of the base along with another model's tokenizer", async () => {
    const [a = "", b = ""] = pair();
    writeFileSync(join(a, "chat_template.jinja"), "{{ 'of the base, which is another text' }}");
    writeFileSync(join(b, "tokenizer_config.json"), "{}");
    const recipe = linear([0.5, 0.5], [a, b], { base_model: a, tokenizer: { source: b } });
    await merge(recipe, out);
    expect(readdirSync(out)).not.toContain("chat_template.jinja");
    const template = "{{ 'the one that the recipe asks for' }}";
    await merge({ ...recipe, chat_template: template }, out, { force: true });
    expect(readdirSync(out)).not.toContain("chat_template.jinja");
    expect(JSON.parse(readFileSync(join(out, "tokenizer_config.json"), "utf8")).chat_template).toBe(template);
  });
});

describe("an output", () => {
  it("is the same bytes for any number of threads, way of reading and run", async () => {
    const models = [1, 2, 3].map((seed) => model(`m${seed}`, languageModel(seed, { layers: 5, rows: 300 })));
    const [base, ...others] = models as [string, string, string];
    const recipe = {
      merge_method: "dare_ties",
      base_model: base,
      models: others.map((path) => ({ model: path, parameters: { weight: 0.5, density: 0.4 } })),
    };
    const runs = [{ threads: 1 }, { threads: 3 }, { reading: "pread" }, { reading: "map", maxMemory: 64e6 }] as const;
    const digests = [];
    for (const [at, options] of runs.entries()) {
      const { files } = await merge(recipe, join(folder, `run${at}`, "out"), options);
      digests.push(files);
    }
    for (const files of digests) expect(files).toEqual(digests[0]);
    const other = await merge(recipe, join(folder, "seed", "out"), { seed: 1 });
    expect(other.files[0]?.sha256).not.toBe(digests[0]?.[0]?.sha256);
    expect(other.tensors.keptShare).toBeCloseTo(0.4, 1);
  });

  it("is cut into shards that the index names, each aligned and below the limit", async () => {
    const [a, b] = [1, 2].map((seed) => model(`m${seed}`, languageModel(seed, { layers: 4 }))) as [string, string];
    await merge(linear([0.5, 0.5], [a, b]), out, { outShardSize: 150 });
    const names = readdirSync(out).filter((name) => name.endsWith(".safetensors"));
    expect(names.length).toBeGreaterThan(3);
    const index = JSON.parse(readFileSync(join(out, "model.safetensors.index.json"), "utf8"));
    expect([...new Set(Object.values(index.weight_map))].sort()).toEqual(names);
    expect(index.metadata.total_size).toBe(4 * (24 + 24 + 4 + 4 * 16));
    for (const name of names) {
      const bytes = readFileSync(join(out, name));
      const data = 8 + Number(bytes.readBigUInt64LE());
      expect(data % 4096).toBe(0);
      expect(bytes.toString("utf8", 8, data)).toContain('"__metadata__":{"format":"pt"}');
    }
    expect(readCheckpoint(out).size).toBe(3 + 4 * 2);
  });

  it("reports its phases in order, and bytes that grow to the total", async () => {
    const [a, b] = [model("a", languageModel(1)), model("b", languageModel(2))];
    const seen: MergeProgress[] = [];
    await merge(linear([0.5, 0.5], [a, b]), out, { onProgress: (progress) => seen.push(progress), verify: true });
    expect([...new Set(seen.map(({ phase }) => phase))]).toEqual(["open", "merge", "finish", "verify"]);
    const merging = seen.filter(({ phase }) => phase === "merge");
    expect(merging.at(-1)?.done).toBe(merging.at(-1)?.total);
    expect(merging.every(({ done }, i) => done >= (merging[i - 1]?.done ?? 0))).toBe(true);
  });

  it("has a card whose front matter and text hostile names cannot break", async () => {
    const name = "a\n---\n<script>*x*[y](z)`";
    const a = model(name, languageModel(1));
    await merge(linear([1], [a]), out);
    const card = readFileSync(join(out, "README.md"), "utf8");
    const [, front = "", ...rest] = card.split(/^---$/m);
    expect(parse(front)).toMatchObject({ library_name: "transformers", tags: ["merge", "retemper"] });
    const prose = rest.join("---").split("## Recipe")[0] ?? "";
    expect(prose).not.toMatch(/<script|[^\\]\*x|[^\\]\[y/);
  });

  it("records inputs and outputs, with digests of the inputs on request and without the machine's paths", async () => {
    const [a, b] = [model("a", languageModel(1)), model("b", languageModel(2))];
    const before = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = join(folder, "cache");
    try {
      const first = await merge(linear([0.5, 0.5], [a, b]), out);
      const record = () => JSON.parse(readFileSync(join(out, "retemper.json"), "utf8"));
      expect(record().outputs).toEqual(first.files);
      expect(record().inputs[0]).toMatchObject({ model: a, file: "model.safetensors", size: expect.any(Number) });
      expect(record().inputs[0].sha256).toBeUndefined();
      await merge(linear([0.5, 0.5], [a, b]), out, { force: true, hashInputs: true });
      const digest = record().inputs[0].sha256;
      expect(digest).toMatch(/^[0-9a-f]{64}$/);
      // Known from then on, without reading.
      await merge(linear([0.5, 0.5], [a, b]), out, { force: true });
      expect(record().inputs[0].sha256).toBe(digest);
    } finally {
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });

  it("keeps floats of config.json floats, which transformers tells from integers", async () => {
    const a = model("a", languageModel(1));
    const text = '{"model_type":"gemma2","final_logit_softcapping":30.0,"limits":[0.0,Infinity],"dtype":"bfloat16"}';
    writeFileSync(join(a, "config.json"), text);
    await merge(linear([1], [a]), out);
    const written = readFileSync(join(out, "config.json"), "utf8").replaceAll(/\s+/g, "");
    expect(written).toBe(text.replace("bfloat16", "float32"));
  });

  it("declares the architecture that the recipe overrides", async () => {
    const a = model("a", languageModel(1));
    await merge(linear([1], [a]), out);
    expect(configOf(out).architectures).toEqual(["LlamaForCausalLM"]);
    const entry = { model: { model: a, override_architecture: "MistralForCausalLM" } };
    await merge({ merge_method: "passthrough", models: [entry] }, out, { force: true });
    expect(configOf(out).architectures).toEqual(["MistralForCausalLM"]);
  });

  it("leaves out what it is told to", async () => {
    const a = model("a", languageModel(1));
    writeFileSync(join(a, "tokenizer.json"), "{}");
    writeFileSync(join(a, "generation_config.json"), "{}");
    writeFileSync(join(a, "modeling.py"), "");
    await merge(linear([1], [a]), out, { copyTokenizer: false, writeModelCard: false });
    expect(readdirSync(out).sort()).toEqual([
      ...["config.json", "generation_config.json", "mergekit_config.yml", "model.safetensors", "retemper.json"],
    ]);
    await merge(linear([1], [a]), out, { force: true, trustRemoteCode: true });
    expect(readdirSync(out)).toEqual(expect.arrayContaining(["README.md", "modeling.py", "tokenizer.json"]));
  });

  it("counts values that are not finite, and fails on request", async () => {
    const values = [Number.NaN, 1, Number.POSITIVE_INFINITY, 2];
    const a = model("a", { ...languageModel(1), "model.norm.weight": { shape: [4], values } });
    const b = model("b", languageModel(2));
    const report = await merge(linear([0.5, 0.5], [a, b]), out);
    expect(report.tensors.nonFinite).toEqual([{ name: "model.norm.weight", values: 2 }]);
    expect(report.warnings.join()).toContain("2 NaN or infinite values");
    const strict = merge(linear([0.5, 0.5], [a, b]), out, { force: true, failOnNonfinite: true });
    await expect(strict).rejects.toMatchObject({ code: "BAD_INPUT", tensor: "model.norm.weight" });
  });
});

describe("models that do not fit", () => {
  it("are refused with every tensor that is missing or has another shape", async () => {
    const { "model.norm.weight": _gone, ...rest } = languageModel(2);
    const b = model("b", {
      ...rest,
      "model.layers.1.mlp.up_proj.weight": { shape: [4, 3], values: new Array(12).fill(0) },
    });
    const failure = await merge(linear([0.5, 0.5], [model("a", languageModel(1)), b]), out).catch((error) => error);
    expect(failure).toMatchObject({ code: "INCOMPATIBLE" });
    expect(failure.message).toMatch(/model\.norm\.weight is not in .*b/);
    expect(failure.message).toMatch(/model\.layers\.1\.mlp\.up_proj\.weight: .*\[3, 4\], .*\[4, 3\]/);
    expect(readdirSync(folder).sort()).toEqual(["a", "b"]);
  });
});

describe("a plan", () => {
  it("says what would be written, byte for byte, and writes nothing", async () => {
    const [a, b] = [model("a", languageModel(1)), model("b", languageModel(2))];
    const planned = await plan(linear([0.5, 0.5], [a, b]));
    expect(readdirSync(folder).sort()).toEqual(["a", "b"]);
    const report = await merge(linear([0.5, 0.5], [a, b]), out);
    expect(planned.files).toEqual([{ path: "model.safetensors", bytes: report.files[0]?.bytes }]);
    expect(planned.operations).toEqual({ linear: 7 });
    expect(planned.estimate.bytesRead).toBe(report.bytesRead);
    expect(planned.estimate.bytesWritten).toBe(report.bytesWritten);
  });
});
