import { describe, expect, it } from "vitest";
import type { Dtype } from "../../../lib/addon/dtype.js";
import type { Adapter, Checkpoint } from "../../../lib/checkpoint/types.js";
import { type BuiltPlan, buildPlan, nativePlan } from "../../../lib/plan/build.js";
import type { PlanRequest } from "../../../lib/plan/request.js";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { checkpoint, languageModel, type Shapes } from "./checkpoints.js";

function build(recipe: string, models: readonly Checkpoint[], more: Partial<PlanRequest> = {}): BuiltPlan {
  const parsed = parseRecipe(recipe, { exists: () => true });
  return buildPlan({ recipe: parsed, checkpoints: new Map(models.map((model) => [model.reference, model])), ...more });
}

const pair = (shapes: Shapes, other: Shapes = shapes) => [checkpoint("a", shapes), checkpoint("b", other)];
const linear =
  "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 3}}]\n";
const tensorOf = (plan: BuiltPlan, name: string) => plan.tensors.find((tensor) => tensor.name === name);

describe("layers", () => {
  it("take gradients by their place in the model; tensors of no layer take the start", () => {
    const recipe =
      "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: [0.1, 0.5, 0.9]}";
    const plan = build(recipe, pair(languageModel(3)));
    const t = (name: string) => tensorOf(plan, name)?.params;
    expect(t("model.layers.0.mlp.weight")).toMatchObject({ t: 0.1 });
    expect(t("model.layers.1.mlp.weight")).toMatchObject({ t: 0.5 });
    expect(t("model.layers.2.mlp.weight")).toMatchObject({ t: 0.9 });
    expect(t("lm_head.weight")).toMatchObject({ t: 0.1 });
  });

  it("are stacked and renumbered by slices, each with gradients of its own", () => {
    const recipe = `
merge_method: passthrough
slices:
- sources: [{model: a, layer_range: [0, 2], parameters: {scale: [2, 4]}}]
- sources: [{model: b, layer_range: [1, 2], parameters: {scale: [3, 5]}}]`;
    const plan = build(recipe, pair(languageModel(3)));
    const facts = (name: string) => [tensorOf(plan, name)?.models, tensorOf(plan, name)?.params];
    const scaled = (weight: number) => ({ op: "linear", weights: [weight], normalize: false });
    expect(facts("model.embed_tokens.weight")).toEqual([["a"], scaled(2)]);
    expect(facts("model.layers.1.mlp.weight")).toEqual([["a"], scaled(4)]);
    expect(facts("model.layers.2.mlp.weight")).toEqual([["b"], scaled(5)]);
    expect(facts("model.norm.weight")).toEqual([["b"], scaled(3)]);
    expect(facts("lm_head.weight")).toEqual([["b"], scaled(3)]);
    expect(plan.config.layers).toEqual([0, 1, 1]);
    expect(plan.tensors).toHaveLength(3 + 3 * 2);
    const source = tensorOf(plan, "model.layers.2.mlp.weight")?.sources[0]?.parts[0];
    const stored = pair(languageModel(3))[1]?.tensors.get("model.layers.1.mlp.weight");
    expect(source).toMatchObject({ offset: stored?.offset, count: 12, rows: 3, cols: 4 });
  });

  it("that no slice uses are listed as left over", () => {
    const recipe = "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]";
    const { unmatched } = build(recipe, [checkpoint("a", languageModel(2))]);
    expect(unmatched.map(({ tensor }) => tensor)).toEqual(["model.layers.1.mlp.weight", "model.layers.1.norm.weight"]);
  });

  it("past the end of a model are an error of the recipe", () => {
    const recipe = "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [0, 9]}]}]";
    expect(() => build(recipe, [checkpoint("a", languageModel(2))])).toThrow(
      expect.objectContaining({ code: "BAD_RECIPE", message: expect.stringContaining("past its 2 layers") }),
    );
  });

  it("of different number are refused with the numbers", () => {
    expect(() => build(linear, pair(languageModel(2), languageModel(3)))).toThrow(/a has 2, b has 3/);
  });
});

describe("inputs", () => {
  it("have the base first where the method adds changes to it, wherever the recipe lists it", () => {
    const recipe = (base: string) => `
merge_method: task_arithmetic
base_model: ${base}
models: [{model: a, parameters: {weight: 0.5}}, {model: b, parameters: {weight: 0.25}}]`;
    const models = [...pair({ "x.weight": [2] }), checkpoint("c", { "x.weight": [2] })];
    const listed = build(recipe("b"), models);
    expect(listed.tensors[0]).toMatchObject({ models: ["b", "a"], modelKeys: [1, 0], params: { weights: [0.5] } });
    const appended = build(recipe("c"), models);
    expect(appended.tensors[0]).toMatchObject({ models: ["c", "a", "b"], modelKeys: [2, 0, 1] });
    expect(appended.tensors[0]?.params).toMatchObject({ weights: [0.5, 0.25], densities: [1, 1] });
  });

  it("include an unlisted base of an average, weighted by the shared parameters", () => {
    const recipe =
      "merge_method: linear\nbase_model: b\nmodels: [{model: a, parameters: {weight: 1}}]\nparameters: {weight: 2}";
    const plan = build(recipe, pair({ "x.weight": [2] }));
    expect(plan.tensors[0]).toMatchObject({ models: ["a", "b"], params: { weights: [1, 2] } });
  });

  it("count twice when one model is listed twice, with masks of their own", () => {
    const recipe =
      "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: a, parameters: {weight: 3}}]";
    const plan = build(recipe, [checkpoint("a", { "x.weight": [2] })]);
    expect(plan.tensors[0]).toMatchObject({ modelKeys: [0, 1], params: { weights: [1, 3] } });
    expect(plan.inputs).toHaveLength(1);
  });

  it("without a buffer are left out; any other missing tensor is an error that lists all", () => {
    const buffer = { "model.rotary_emb.inv_freq": [8] };
    const plan = build(linear, pair({ "x.weight": [2], ...buffer }, { "x.weight": [2] }));
    expect(tensorOf(plan, "model.rotary_emb.inv_freq")).toMatchObject({ models: ["a"], params: { op: "copy" } });
    expect(() =>
      build(linear, pair({ "x.weight": [2], "y.weight": [2] }, { "x.weight": [2], "z.weight": [2] })),
    ).toThrow(
      expect.objectContaining({
        code: "INCOMPATIBLE",
        message: expect.stringMatching(/y\.weight is not in b[\s\S]*z\.weight is not in a/),
      }),
    );
  });
});

describe("a base model that no slice lists", () => {
  const slices = "slices: [{sources: [{model: a, layer_range: [0, 2]}]}]";
  it("gives nothing but configuration and tokenizer to a method without a base", () => {
    const plan = build(`merge_method: passthrough\nbase_model: b\n${slices}`, pair(languageModel(2)));
    expect(new Set(plan.tensors.flatMap(({ models }) => models))).toEqual(new Set(["a"]));
    expect(plan.unmatched.every(({ model }) => model === "b")).toBe(true);
  });
});

describe("spellings of one architecture", () => {
  const long: Shapes = {
    "transformer.wte.weight": [10, 4],
    "transformer.h.0.ln_1.weight": [4],
    "transformer.h.1.ln_1.weight": [4],
    "transformer.ln_f.weight": [4],
  };
  const short = Object.fromEntries(Object.entries(long).map(([name, shape]) => [name.slice(12), shape]));
  const first = (shapes: Shapes) => Object.keys(shapes);

  it("meet in that of the base model, where one leaves the leading segment out", () => {
    for (const [base, other] of [
      [long, short],
      [short, long],
    ] as const) {
      const recipe =
        "merge_method: task_arithmetic\nbase_model: a\nmodels: [{model: a}, {model: b, parameters: {weight: 1}}]";
      const plan = build(recipe, pair(base, other));
      expect(plan.tensors.map(({ name }) => name)).toEqual(first(base));
      for (const { models } of plan.tensors) expect(models).toEqual(["a", "b"]);
      expect(plan.unmatched).toEqual([]);
    }
  });

  it("meet where one calls the weight and bias of a norm gamma and beta", () => {
    const names = (weight: string, bias: string): Shapes => ({
      [`bert.embeddings.LayerNorm.${weight}`]: [4],
      [`bert.embeddings.LayerNorm.${bias}`]: [4],
    });
    const plan = build(linear, pair(names("weight", "bias"), names("gamma", "beta")));
    expect(plan.tensors.map(({ name, models }) => [name, models])).toEqual([
      ["bert.embeddings.LayerNorm.weight", ["a", "b"]],
      ["bert.embeddings.LayerNorm.bias", ["a", "b"]],
    ]);
  });

  it("carry an adapter's effects along", () => {
    const stored = { name: "x", dtype: "F32" as const, shape: [4, 1], file: 0, offset: 0, bytes: 16 };
    const term = { left: stored, leftTransposed: false, right: stored, rightTransposed: true, rank: 1, scale: 2 };
    const files = [{ path: "/adapter/adapter_model.safetensors", size: 16, inode: "2", mtimeNs: "1" }];
    const effects = new Map([["wte.weight", { kind: "lowRank", term } as const]]);
    const adapter: Adapter = { folder: "/adapter", files, effects, added: new Map(), config: {} };
    const plan = build(linear, [checkpoint("a", long), { ...checkpoint("b", short), adapter }]);
    const parts = tensorOf(plan, "transformer.wte.weight")?.sources.map(({ parts: [part] }) => part?.lowRank?.scale);
    expect(parts).toEqual([undefined, 2]);
  });
});

describe("methods and tensors that only one input has", () => {
  const buffer: Shapes = { "x.weight": [2], "model.rotary_emb.inv_freq": [8] };
  const without: Shapes = { "x.weight": [2] };
  it.each([
    ["slerp", "parameters: {t: 0.5}"],
    ["nearswap", "parameters: {t: 0.5}"],
    ["arcee_fusion", ""],
  ])("%s passes it through", (method, parameters) => {
    for (const [base, other] of [
      [buffer, without],
      [without, buffer],
    ] as const) {
      const plan = build(
        `merge_method: ${method}\nbase_model: a\nmodels: [{model: a}, {model: b}]\n${parameters}`,
        pair(base, other),
      );
      expect(tensorOf(plan, "model.rotary_emb.inv_freq")?.params).toEqual({ op: "copy" });
    }
  });

  it("a lone buffer is copied, whatever the weights", () => {
    const recipe =
      "merge_method: linear\nmodels: [{model: a, parameters: {weight: 0}}, {model: b, parameters: {weight: 2}}]";
    for (const normalize of [true, false]) {
      const plan = build(`${recipe}\nparameters: {normalize: ${normalize}}`, pair(buffer, without));
      expect(tensorOf(plan, "model.rotary_emb.inv_freq")?.params).toEqual({ op: "copy" });
    }
  });

  it("model_stock takes the base's", () => {
    const models = [checkpoint("a", buffer), checkpoint("b", buffer), checkpoint("c", without)];
    const plan = build(
      "merge_method: model_stock\nbase_model: b\nmodels: [{model: a}, {model: b}, {model: c}]",
      models,
    );
    expect(tensorOf(plan, "model.rotary_emb.inv_freq")).toMatchObject({ models: ["b"], params: { op: "copy" } });
  });
});

describe("multislerp", () => {
  it("of one model beside the base is that model, whatever its weight", () => {
    const recipe = `
merge_method: multislerp
base_model: a
models: [{model: a}, {model: b, parameters: {weight: 0.25}}]
parameters: {normalize_weights: false}`;
    const plan = build(recipe, pair({ "x.weight": [2] }));
    expect(plan.tensors[0]).toMatchObject({ models: ["b"], params: { op: "copy" } });
  });
});

describe("dtypes", () => {
  const promotion: [Dtype, Dtype, Dtype][] = [
    ["BF16", "BF16", "BF16"],
    ["BF16", "F16", "F32"],
    ["BF16", "F32", "F32"],
    ["F64", "BF16", "F64"],
  ];
  it.each(promotion)("%s and %s give %s", (a, b, result) => {
    const plan = build(linear, pair({ "x.weight": [a, 2] }, { "x.weight": [b, 2] }));
    expect(plan.tensors[0]).toMatchObject({ outDtype: result, compute: result === "F64" ? "F64" : "F32" });
  });

  it("round on reading only where the recipe's dtype holds less, and are written as out_dtype", () => {
    const plan = build(
      `${linear}dtype: bfloat16\nout_dtype: float16`,
      pair({ "x.weight": [2] }, { "x.weight": ["BF16", 2] }),
    );
    const [tensor] = plan.tensors;
    expect(tensor?.sources.map(({ parts }) => parts[0]?.castTo)).toEqual(["BF16", undefined]);
    expect(tensor).toMatchObject({ outDtype: "F16", compute: "F32" });
    expect(plan.config.dtype).toBe("float16");
  });

  it("of integers must agree and are copied from the base", () => {
    const plan = build(linear, pair({ "x.weight": [2], ids: ["I64", 3] }));
    expect(tensorOf(plan, "ids")).toMatchObject({ params: { op: "copy" }, outDtype: "I64", models: ["a"] });
    expect(tensorOf(plan, "ids")?.identical).toHaveLength(2);
    expect(() =>
      build(linear, pair({ "x.weight": [2], ids: ["I64", 3] }, { "x.weight": [2], ids: ["I32", 3] })),
    ).toThrow(/ids: a I64, b I32/);
  });
});

describe("adapters", () => {
  const base = checkpoint("a", { "x.weight": ["BF16", 3, 4] });
  const stored = (name: string, shape: number[], offset: number) => {
    return { name, dtype: "F32" as const, shape, file: 0, offset, bytes: 4 * (shape[0] ?? 0) * (shape[1] ?? 1) };
  };
  const term = {
    ...{ left: stored("B", [3, 2], 8), leftTransposed: false, right: stored("A", [2, 4], 32), rightTransposed: false },
    ...{ rank: 2, scale: 0.5 },
  };
  const adapter: Adapter = {
    folder: "/adapter",
    files: [{ path: "/adapter/adapter_model.safetensors", size: 100, inode: "2", mtimeNs: "2" }],
    effects: new Map([["x.weight", { kind: "lowRank", term }]]),
    added: new Map(),
    config: {},
  };
  const models = [base, { ...base, reference: "a+l", adapter }];
  const recipe =
    "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: a+l, parameters: {weight: 1}}]\ndtype: bfloat16";

  it("are terms of one source, never rounded before the merge", () => {
    const [tensor] = build(recipe, models).tensors;
    const [plain, adapted] = tensor?.sources.map(({ parts }) => parts[0]) ?? [];
    expect(plain).not.toHaveProperty("lowRank");
    expect(adapted).toMatchObject({
      rows: 3,
      cols: 4,
      lowRank: { rank: 2, scale: 0.5, left: { input: 1, offset: 8, count: 6 } },
    });
    expect(adapted).not.toHaveProperty("castTo");
    expect(tensor?.outDtype).toBe("BF16");
  });

  it("are rounded as asked", () => {
    const [tensor] = build(recipe, models, { loraMergeDtype: "BF16" }).tensors;
    expect(tensor?.sources[1]?.parts[0]?.castTo).toBe("BF16");
  });
});

describe("vocabularies", () => {
  it("are cut to the common rows on request", () => {
    const plan = build(linear, pair(languageModel(1, { rows: 10 }), languageModel(1, { rows: 8 })), {
      unsafeTruncateEmbeddings: true,
    });
    expect(tensorOf(plan, "lm_head.weight")?.shape).toEqual([8, 4]);
    expect(tensorOf(plan, "lm_head.weight")?.sources[0]?.parts[0]).toMatchObject({ rows: 10 });
    expect(plan.config.vocabSize).toBe(8);
  });

  it("of the first and the last slice must agree", () => {
    const recipe = `merge_method: passthrough
slices: [{sources: [{model: a, layer_range: [0, 1]}]}, {sources: [{model: b, layer_range: [0, 1]}]}]`;
    const models = pair(languageModel(1, { rows: 10 }), languageModel(1, { rows: 8 }));
    expect(() => build(recipe, models)).toThrow(
      expect.objectContaining({ code: "INCOMPATIBLE", message: expect.stringContaining("10 rows") }),
    );
  });

  it("follow the tokenizer: rows are gathered, in models outside the slice too", () => {
    const models = pair(languageModel(1, { rows: 2 }), languageModel(1, { rows: 2 }));
    const gather = {
      models: ["a", "b"],
      start: Uint32Array.of(0, 1, 2, 3),
      part: Uint32Array.of(0, 0, 1),
      row: Uint32Array.of(0, 1, 1),
      meanRows: 0,
    };
    const recipe =
      "merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}, {sources: [{model: b, layer_range: [0, 1]}]}]";
    const vocabulary = {
      size: 3,
      gathers: new Map([
        ["a", gather],
        ["b", gather],
      ]),
    };
    const plan = build(recipe, models, { vocabulary });
    const embedding = tensorOf(plan, "model.embed_tokens.weight");
    expect(embedding).toMatchObject({ shape: [3, 4], models: ["a"] });
    expect(embedding?.sources[0]?.parts.map(({ input }) => input)).toEqual([0, 1]);
    expect(embedding?.params.op).toBe("linear");
    expect(plan.config.vocabSize).toBe(3);
  });
});

describe("heads", () => {
  const tied = (name: string) => checkpoint(name, languageModel(1, { head: false }), { tie_word_embeddings: true });
  it("come from the embedding where one input is tied and another is not", () => {
    const plan = build(linear, [tied("a"), checkpoint("b", languageModel(1))]);
    const head = tensorOf(plan, "lm_head.weight");
    const embedding = tied("a").tensors.get("model.embed_tokens.weight");
    expect(head?.sources[0]?.parts[0]?.offset).toBe(embedding?.offset);
    expect(plan.config.tieWordEmbeddings).toBe(false);
  });

  it("are written from the last slice's embedding when only an earlier slice's model is untied", () => {
    const recipe =
      "merge_method: passthrough\nslices: [{sources: [{model: b, layer_range: [0, 1]}]}, {sources: [{model: a, layer_range: [0, 1]}]}]";
    const plan = build(recipe, [tied("a"), checkpoint("b", languageModel(1))]);
    expect(tensorOf(plan, "lm_head.weight")).toMatchObject({ models: ["a"], params: { op: "copy" } });
    expect(plan.config.tieWordEmbeddings).toBe(false);
  });

  it("that one tied model stores needlessly are left out and listed", () => {
    const stored = checkpoint("b", languageModel(1), { tie_word_embeddings: true });
    const plan = build(linear, [tied("a"), stored]);
    expect(tensorOf(plan, "lm_head.weight")).toBeUndefined();
    expect(plan.unmatched).toEqual([
      { model: "b", tensor: "lm_head.weight", reason: "the head is tied to the embedding" },
    ]);
    expect(plan.config.tieWordEmbeddings).toBeUndefined();
  });
});

describe("modules", () => {
  const shapes: Shapes = { "vision_tower.x.weight": [2], "language_model.model.layers.0.w.weight": [2] };
  const recipe = (modules: string) => `merge_method: linear\nmodules: {${modules}}`;
  const both = "models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 1}}]";

  it("merge each by its own rules under aliases and prefixes", () => {
    const vision = "vision_tower: {models: [{model: a, parameters: {weight: 1}}]}";
    const plan = build(recipe(`${vision}, text_decoder: {${both}}`), pair(shapes));
    expect(tensorOf(plan, "vision_tower.x.weight")).toMatchObject({ models: ["a"], params: { op: "copy" } });
    expect(tensorOf(plan, "language_model.model.layers.0.w.weight")?.models).toEqual(["a", "b"]);
  });

  it("that the recipe forgets are an error with their tensors", () => {
    expect(() => build(recipe(`text_decoder: {${both}}`), pair(shapes))).toThrow(
      expect.objectContaining({ code: "INCOMPATIBLE", message: expect.stringContaining("vision_tower.x.weight") }),
    );
  });
});

describe("values that mean something else than they seem to", () => {
  const dense = (method: string, parameters: string) => `
merge_method: ${method}
base_model: a
models: [{model: b, parameters: ${parameters}}]`;
  it("warn once for a density that keeps nothing or everything", () => {
    const models = pair({ "x.weight": [2], "y.weight": [2] });
    expect(build(dense("ties", "{weight: 1, density: 0}"), models).warnings).toEqual([
      expect.stringContaining("leaves nothing"),
    ]);
    expect(build(dense("ties", "{weight: 1, density: 1.5}"), models).warnings).toEqual([
      expect.stringContaining("keeps everything"),
    ]);
    expect(build(dense("ties", "{weight: 1}"), models).warnings).toEqual([]);
  });

  it("refuse a density and an epsilon that give no probabilities, naming both", () => {
    expect(() =>
      build(
        dense(
          "della",
          "{weight: 1, density: [{filter: x, value: 0.9}, {value: 1}], epsilon: [{filter: x, value: 0.2}, {value: 0.1}]}",
        ),
        pair({ "x.weight": [2] }),
      ),
    ).toThrow(
      expect.objectContaining({ code: "BAD_RECIPE", message: expect.stringMatching(/density 0\.9 .*epsilon 0\.2/) }),
    );
  });

  it("refuse weights that a filter makes sum to zero", () => {
    const recipe = `
merge_method: linear
models:
- {model: a, parameters: {weight: 1}}
- {model: b, parameters: {weight: [{filter: y, value: -1}, {value: 1}]}}`;
    expect(() => build(recipe, pair({ "x.weight": [2], "y.weight": [2] }))).toThrow(
      expect.objectContaining({ code: "BAD_RECIPE", tensor: "y.weight" }),
    );
    const sphere = recipe.replace("linear", "multislerp");
    expect(() => build(sphere, pair({ "x.weight": [2], "y.weight": [2] }))).toThrow(
      expect.objectContaining({
        code: "BAD_RECIPE",
        tensor: "y.weight",
        hint: expect.stringMatching("normalize_weights"),
      }),
    );
  });
});

describe("the engine's plan", () => {
  it("is the same for the same input, front to back in each file", () => {
    const make = () =>
      nativePlan(build(linear, pair(languageModel(2)), { outShardSize: 100 }), "/staging", {
        ...{ seed: 7, threads: 1, maxMemory: 0, reading: "auto", fsync: true },
      });
    const plan = make();
    expect(make()).toEqual(plan);
    expect(plan.outputs[0]?.path).toMatch(/^\/staging\/model-00001-of-0000\d\.safetensors$/);
    const ends = plan.outputs.map(({ header }) => header.length);
    for (const { variants, shape } of plan.tensors) {
      const [{ output, offset }] = variants as [(typeof variants)[number]];
      expect(offset).toBe(ends[output]);
      ends[output] = offset + shape.reduce((product, extent) => product * extent, 4);
    }
    expect(ends).toEqual(plan.outputs.map(({ size }) => size));
  });
});
