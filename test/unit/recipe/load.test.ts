import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRecipe, parseRecipe } from "../../../lib/recipe/load.js";
import { METHOD_NAMES } from "../../../lib/recipe/methods.js";
import { createParameterReader } from "../../../lib/recipe/parameters.js";
import type { ParsedRecipe, Scalar } from "../../../lib/recipe/types.js";
import { placeOf, refusal } from "./refusal.js";

// Every recipe there is what mergekit 0.1.5 writes for a configuration of its own (MergeConfiguration.to_yaml), and
// evaluated.json holds the parameter values that it resolves for them, by tensor and position in the slice.
const WRITTEN_BY_MERGEKIT = new URL("../../golden/recipes/", import.meta.url);

interface Evaluated {
  readonly recipe: string;
  readonly module: string;
  readonly slice: number;
  readonly tensor: string;
  readonly t: number;
  readonly global: Readonly<Record<string, Scalar>>;
  readonly models: readonly Readonly<Record<string, Scalar | null>>[];
}

const LINEAR = `merge_method: linear
models:
- {model: a, parameters: {weight: 0.25}}
- {model: b, parameters: {weight: 0.75}}
`;

describe("loadRecipe", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "retemper-recipe-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("reads a file and keeps its name and text", async () => {
    const file = join(folder, "merge.yml");
    await writeFile(file, LINEAR);
    expect(await loadRecipe(file)).toMatchObject({ method: "linear", file, text: LINEAR, warnings: [] });
  });

  it("reads JSON, tabs and escapes included", async () => {
    const file = join(folder, "merge.json");
    await writeFile(file, '{\n\t"merge_method": "passthrough",\n\t"models": [{"model": "a\\/\\ud83d\\ude00"}]\n}');
    expect((await loadRecipe(file)).modules[0]?.slices[0]?.sources[0]?.model.path).toBe("a/😀");
  });

  it("reads YAML text, also on one line", async () => {
    expect((await loadRecipe(LINEAR)).file).toBeUndefined();
    expect((await loadRecipe("{merge_method: passthrough, models: [{model: a}]}")).method).toBe("passthrough");
    expect((await loadRecipe('{"merge_method":"passthrough","models":[{"model":"a"}]}')).method).toBe("passthrough");
  });

  it("reads an object as it reads the same YAML", async () => {
    const weight = { weight: 0.5 };
    const recipe = await loadRecipe({
      merge_method: "linear",
      models: [
        { model: "a", parameters: weight },
        { model: "b", parameters: weight },
      ],
      dtype: undefined,
    });
    const { text, ...rest } = recipe;
    expect(rest).toEqual({ ...parseRecipe(text), text: undefined });
    expect(text).not.toMatch(/[&*]/);
  });

  it("names the place in an object by its path, without a line", async () => {
    const error = await loadRecipe({
      merge_method: "linear",
      models: [{ model: "a", parameters: { weight: Number.NaN } }],
    }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "BAD_RECIPE", line: undefined });
    expect(error.message).toBe("models[0].parameters.weight: expected a finite number, received the number NaN");
  });

  it("names file, line and column", async () => {
    const file = join(folder, "wrong.yml");
    await writeFile(file, LINEAR.replace("0.75", "abc"));
    await expect(loadRecipe(file)).rejects.toMatchObject({
      code: "BAD_RECIPE",
      exitStatus: 3,
      file,
      line: 4,
      column: 35,
      message: `${file}:4:35: models[1].parameters.weight: expected a number, received the text "abc"`,
    });
  });

  it("refuses what is no recipe file", async () => {
    await expect(loadRecipe(join(folder, "none.yml"))).rejects.toMatchObject({
      code: "BAD_RECIPE",
      message: /no such recipe/,
    });
    await expect(loadRecipe(folder)).rejects.toMatchObject({ code: "BAD_RECIPE", message: /a folder/ });
    const binary = join(folder, "binary.yml");
    await writeFile(binary, Buffer.from([0x6d, 0xff, 0xfe, 0x0a]));
    await expect(loadRecipe(binary)).rejects.toMatchObject({ code: "BAD_RECIPE", message: /not valid UTF-8/ });
  });
});

describe("recipes that mergekit wrote itself", async () => {
  const names = (await readdir(WRITTEN_BY_MERGEKIT)).filter((name) => name.endsWith(".yml"));

  it("are there", () => expect(names.length).toBeGreaterThanOrEqual(12));

  it.each(names)("%s is read without a warning", async (name) => {
    const recipe = parseRecipe(await readFile(new URL(name, WRITTEN_BY_MERGEKIT), "utf8"));
    expect(METHOD_NAMES).toContain(recipe.method);
    expect(recipe.modules.flatMap((module) => module.slices).length).toBeGreaterThan(0);
    expect(recipe.warnings).toEqual([]);
  });

  it("give every tensor the parameters that mergekit gives it", async () => {
    const rows = JSON.parse(await readFile(new URL("evaluated.json", WRITTEN_BY_MERGEKIT), "utf8")) as Evaluated[];
    const recipes = new Map<string, ParsedRecipe>();
    for (const name of names)
      recipes.set(name, parseRecipe(await readFile(new URL(name, WRITTEN_BY_MERGEKIT), "utf8")));
    for (const row of rows) {
      const recipe = recipes.get(row.recipe);
      const module = recipe?.modules.find(({ name }) => name === row.module);
      const slice = module?.slices[row.slice];
      if (recipe === undefined || module === undefined || slice === undefined) throw new Error(`no ${row.recipe}`);
      const reader = createParameterReader(recipe, module, slice);
      const globals = Object.keys(row.global).map((name) => [name, reader.global(name, row.tensor, row.t)]);
      expect(Object.fromEntries(globals)).toEqual(row.global);
      for (const [index, expected] of row.models.entries()) {
        const values = Object.keys(expected).map((name) => [
          name,
          reader.forSource(slice.sources[index], name, row.tensor, row.t) ?? null,
        ]);
        expect(Object.fromEntries(values)).toEqual(expected);
      }
    }
    expect(rows.length).toBeGreaterThan(200);
  });

  it("keep tokens and their sources", async () => {
    const { tokenizer } = parseRecipe(await readFile(new URL("tokenizer-tokens.yml", WRITTEN_BY_MERGEKIT), "utf8"));
    const chat = { text: "org/chat", path: "org/chat" };
    expect(tokenizer).toEqual({
      source: { kind: "union" },
      padToMultipleOf: 64,
      tokens: {
        "<|im_start|>": { source: { kind: "model", model: chat }, force: true },
        "<|im_end|>": { source: { kind: "model_token", model: chat, token: "</s>" }, force: false },
        "<|odd|>": {
          source: { kind: "model_token", model: { text: "org/math", path: "org/math" }, tokenId: 12 },
          force: false,
        },
        "<|pad|>": { source: { kind: "zero" }, force: false },
      },
    });
  });
});

describe("the grammar", () => {
  it("treats null as absence everywhere", () => {
    const recipe = parseRecipe(`
merge_method: passthrough
base_model: null
models: [{model: a, parameters: null}]
slices: null
modules:
parameters: ~
dtype: null
out_dtype: null
tokenizer_source: null
tokenizer: null
chat_template: null
`);
    expect(Object.keys(recipe).sort()).toEqual(["method", "modules", "parameters", "text", "warnings", "written"]);
  });

  it("reads slices with their own base, ranges and parameters", () => {
    const recipe = parseRecipe(`
merge_method: slerp
slices:
- base_model: a
  sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: ["1", 3.0]}]
  parameters: {t: [0, 1]}
- base_model: b
  sources: [{model: b, layer_range: [2, 3]}, {model: a, layer_range: [2, 3]}]
parameters: {t: 0.5}
`);
    const [module] = recipe.modules;
    expect(module).toMatchObject({ name: "", whole: false });
    expect(
      module?.slices.map((slice) => [slice.baseModel?.path, slice.sources.map((source) => source.layerRange)]),
    ).toEqual([
      [
        "a",
        [
          [0, 2],
          [1, 3],
        ],
      ],
      [
        "b",
        [
          [2, 3],
          [2, 3],
        ],
      ],
    ]);
    expect(module?.slices[0]?.parameters).toEqual({ t: [{ value: [0, 1] }] });
  });

  it("reads modules with models or slices", () => {
    const { modules } = parseRecipe(`
merge_method: passthrough
modules:
  text_decoder: {models: [{model: a}], slices: []}
  vision_tower: {slices: [{sources: [{model: b, layer_range: [0, 2]}]}]}
`);
    expect(modules.map(({ name, whole }) => [name, whole])).toEqual([
      ["text_decoder", true],
      ["vision_tower", false],
    ]);
  });

  it("follows anchors and merge keys, and knows where their values stand", () => {
    const text = (weight: string) => `merge_method: linear
models:
- &first
  model: a
  parameters: {weight: ${weight}}
- <<: *first
  model: b
`;
    expect(
      parseRecipe(text("1")).modules[0]?.slices[0]?.sources.map(({ model, parameters }) => [model.path, parameters]),
    ).toEqual([
      ["a", { weight: [{ value: 1 }] }],
      ["b", { weight: [{ value: 1 }] }],
    ]);
    expect(placeOf(refusal(text("x")))).toBe("BAD_RECIPE 5:24");
  });

  it("accepts the torch. prefix and float64 for dtypes", () => {
    const text = "merge_method: passthrough\nmodels: [{model: a}]\ndtype: torch.float64\nout_dtype: bfloat16\n";
    expect(parseRecipe(text)).toMatchObject({ dtype: "float64", outDtype: "bfloat16" });
  });

  it("converts what YAML 1.1 and mergekit take for booleans and numbers", () => {
    const text = (values: string) => `merge_method: linear\nmodels: [{model: a}]\nparameters: ${values}\n`;
    const read = (values: string) => parseRecipe(text(values)).parameters;
    expect(read("{weight: true}").weight).toEqual([{ value: 1 }]);
    expect(read("{weight: '1e-3'}").weight).toEqual([{ value: 0.001 }]);
    expect(read("{weight: ['0.5', 1_000]}").weight).toEqual([{ value: [0.5, 1000] }]);
    for (const yes of ["yes", "on", "1", "1.0", "'true'"]) {
      expect(read(`{weight: 1, normalize: ${yes}}`).normalize).toEqual([{ value: true }]);
    }
    for (const no of ["no", "Off", "0", "0.0"])
      expect(read(`{weight: 1, normalize: ${no}}`).normalize).toEqual([{ value: false }]);
  });

  it("takes an empty gradient for no value", () => {
    const text = "merge_method: linear\nmodels: [{model: a, parameters: {weight: []}}]\nparameters: {weight: 2}\n";
    expect(parseRecipe(text).modules[0]?.slices[0]?.sources[0]?.parameters).toEqual({});
  });

  it("ignores unknown keys when lenient, and only then", () => {
    const text = `merge_method: linear
modles: 1
models:
- {model: {model: a, lra: 3}, note: x, parameters: {weight: {filtr: q, value: 1}, wieght: 2}}
`;
    expect(placeOf(refusal(text))).toBe("BAD_RECIPE 2:1");
    expect(parseRecipe(text, { lenient: true })).toMatchObject({
      modules: [{ slices: [{ sources: [{ model: { path: "a" }, parameters: { weight: [{ value: 1 }] } }] }] }],
      warnings: ["unknown parameter `wieght`: it is ignored"],
    });
  });

  it("warns once of a parameter that only other methods use", () => {
    const text = LINEAR.replace(/weight/g, "density: 0.5, weight");
    expect(parseRecipe(text).warnings).toEqual(["parameter `density` is not used by linear: it is ignored"]);
  });

  it("lists every problem, the first one first", () => {
    const error = refusal(
      "merge_method: linear\nmodels:\n- model: a\n  paramters: {}\n- model: b\n  parameters: {wieght: 1, weight: x}\n",
    );
    expect(placeOf(error)).toBe("BAD_RECIPE 4:3");
    expect(error.hint).toBe("did you mean `parameters`?");
    expect(error.message).toBe(
      [
        "line 4, column 3: models[0].paramters: unknown key `paramters`",
        "  also line 6, column 16: models[1].parameters.wieght: unknown parameter `wieght`",
        '  also line 6, column 35: models[1].parameters.weight: expected a number, received the text "x"',
      ].join("\n"),
    );
  });
});
