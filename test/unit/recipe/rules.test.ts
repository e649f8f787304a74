import { describe, expect, it } from "vitest";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { sumIsZero } from "../../../lib/recipe/rules.js";
import { placeOf, refusal } from "./refusal.js";

const models = (method: string, list: string, rest = "") => `merge_method: ${method}\nmodels: [${list}]\n${rest}\n`;
const list = (...names: string[]) => names.map((name) => `{model: ${name}}`).join(", ");

describe("which of models, slices and modules", () => {
  it("must be exactly one", () => {
    expect(refusal("merge_method: linear\n").message).toMatch(/exactly one of .* none of them is there/);
    expect(refusal("merge_method: linear\nmodels: []\n").message).toMatch(/none of them/);
    const both = refusal(
      "merge_method: linear\nmodels: [{model: a}]\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]\n",
    );
    expect(both.message).toMatch(/models and slices are there/);
    expect(placeOf(both)).toBe("BAD_RECIPE 3:1");
  });

  it("holds in modules too", () => {
    const error = refusal("merge_method: linear\nmodules:\n  text: {}\n");
    expect(placeOf(error)).toBe("BAD_RECIPE 3:3");
    expect(error.message).toMatch(/exactly one of `models` and `slices`/);
  });
});

describe("layer ranges", () => {
  const slice = (range: string, other = "[0, 2]") => `merge_method: linear
slices:
- sources:
  - model: a
    layer_range: ${range}
  - model: b
    layer_range: ${other}
parameters: {weight: 1}
`;
  it.each([
    ["[2, 2]", /empty/],
    ["[3, 1]", /empty/],
    ["[-1, 2]", /two layer numbers/],
    ["[0, 1.5]", /two layer numbers/],
    ["[0]", /two layer numbers/],
    ["[0, 1, 2]", /two layer numbers/],
    ["0-2", /two layer numbers/],
    ["[0, .inf]", /two layer numbers/],
  ])("refuse %s", (range, message) => {
    const error = refusal(slice(range));
    expect(placeOf(error)).toBe("BAD_RECIPE 5:18");
    expect(error.message).toMatch(message);
  });

  it("are required in slices", () => {
    const error = refusal("merge_method: linear\nslices:\n- sources:\n  - model: a\n");
    expect(placeOf(error)).toBe("BAD_RECIPE 4:5");
    expect(error.message).toMatch(/layer_range: this key is required/);
  });

  it("span the same number of layers in one slice", () => {
    const error = refusal(slice("[0, 2]", "[0, 3]"));
    expect(placeOf(error)).toBe("BAD_RECIPE 7:18");
    expect(error.message).toMatch(/spans 3 layers, the first source of this slice 2/);
  });
});

describe("the number of models", () => {
  it.each([
    [
      "slerp",
      list("a"),
      "base_model: a\nparameters: {t: 1}",
      /slerp needs exactly 2 models, the base included; there is 1/,
    ],
    ["slerp", list("a", "b"), "base_model: c\nparameters: {t: 1}", /exactly 2 models, the base included; there are 3/],
    [
      "nuslerp",
      list("a", "b", "c"),
      "parameters: {weight: 1}",
      /nuslerp needs exactly 2 models beside the base; there are 3/,
    ],
    [
      "nuslerp",
      list("a", "b"),
      "base_model: a\nparameters: {weight: 1}",
      /needs exactly 2 models beside the base; there is 1/,
    ],
    ["nearswap", list("a", "b", "c"), "base_model: a\nparameters: {t: 1}", /exactly 2/],
    ["arcee_fusion", list("a"), "base_model: a", /exactly 2/],
    ["model_stock", list("a"), "base_model: z", /model_stock needs at least 3 models, the base included; there are 2/],
    ["passthrough", list("a", "b"), "", /passthrough needs exactly 1 models; there are 2/],
    ["passthrough", list("a"), "base_model: z", /exactly 1 models, the base included; there are 2/],
    [
      "multislerp",
      list("a"),
      "base_model: a\nparameters: {weight: 1}",
      /at least 1 models beside the base; there are 0/,
    ],
  ])("of %s is checked: %s %s", (method, entries, rest, message) => {
    const error = refusal(models(method, entries, rest));
    expect(error.code).toBe("BAD_RECIPE");
    expect(error.message).toMatch(message);
  });

  it("counts the base that is not listed as one more", () => {
    expect(parseRecipe(models("slerp", list("b"), "base_model: a\nparameters: {t: 0.5}")).method).toBe("slerp");
    expect(parseRecipe(models("nuslerp", list("a", "b"), "base_model: z\nparameters: {weight: 1}")).method).toBe(
      "nuslerp",
    );
  });

  it("counts the same model twice as two", () => {
    expect(parseRecipe(models("slerp", list("a", "a"), "base_model: a\nparameters: {t: 0.5}")).method).toBe("slerp");
  });
});

describe("the base model", () => {
  it.each([
    "slerp",
    "nearswap",
    "arcee_fusion",
    "ties",
    "task_arithmetic",
    "della",
    "model_stock",
    "sce",
    "ram",
    "ramplus_tl",
  ])("is required by %s", (method) => {
    const error = refusal(models(method, list("a", "b", "c"), "parameters: {weight: 1, t: 1}"));
    expect(error.message).toMatch(new RegExp(`${method} needs a \`base_model\``));
  });

  const slices = (method: string, parameters: string, own = "") =>
    `merge_method: ${method}\nbase_model: z\nslices:\n- sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [0, 1]}]${own}\nparameters: ${parameters}\n`;

  it("must be a source of every slice", () => {
    const error = refusal(slices("slerp", "{t: 0.5}"));
    expect(placeOf(error)).toBe("BAD_RECIPE 4:3");
    expect(error.message).toMatch(/the base model z is not among the sources/);
    expect(placeOf(refusal(slices("slerp", "{t: 0.5}", "\n  base_model: c")))).toBe("BAD_RECIPE 5:15");
  });

  it("may be named by the slice instead", () => {
    expect(parseRecipe(slices("slerp", "{t: 0.5}", "\n  base_model: b")).modules[0]?.slices[0]?.baseModel?.path).toBe(
      "b",
    );
  });

  it("need not be a source where the method takes no base", () => {
    expect(parseRecipe(slices("linear", "{weight: 1}")).baseModel?.path).toBe("z");
  });
});

describe("required parameters", () => {
  it("are missing by name", () => {
    expect(refusal(models("slerp", list("a", "b"), "base_model: a")).message).toMatch(
      /missing required parameter `t` of slerp/,
    );
    const error = refusal("merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 1}}\n- {model: b}\n");
    expect(placeOf(error)).toBe("BAD_RECIPE 4:3");
    expect(error.message).toMatch(/missing required parameter `weight` of linear for b/);
  });

  it("do not count where the method does not read them", () => {
    expect(refusal(models("slerp", "{model: a, parameters: {t: 0.5}}, {model: b}", "base_model: a")).hint).toMatch(
      /a value under one of its models does not count/,
    );
  });

  it("are wanted of the base only where it is an input like the others", () => {
    expect(
      parseRecipe(models("ties", "{model: z}, {model: a, parameters: {weight: 1}}", "base_model: z")).warnings,
    ).toEqual([]);
    expect(
      refusal(models("linear", "{model: z}, {model: a, parameters: {weight: 1}}", "base_model: z")).message,
    ).toMatch(/`weight` of linear for z/);
    expect(refusal(models("linear", "{model: a, parameters: {weight: 1}}", "base_model: z")).message).toMatch(
      /`weight` of linear for z/,
    );
  });

  it("may be supplied by the caller", () => {
    const text = models("linear", list("a", "b"));
    expect(refusal(text).message).toMatch(/missing/);
    expect(parseRecipe(text, { supplied: ["weight"] }).method).toBe("linear");
  });
});

describe("weights that sum to zero", () => {
  const weights = (...values: string[]) =>
    values.map((value, i) => `{model: m${i}, parameters: {weight: ${value}}}`).join(", ");

  it("are refused where the sum is divided by", () => {
    const error = refusal(models("linear", weights("0.1", "0.2", "-0.3")));
    expect(placeOf(error)).toBe("BAD_RECIPE 2:9");
    expect(error.message).toMatch(/the weights sum to zero, and `normalize` divides by their sum/);
    expect(refusal(models("multislerp", weights("1", "-1"))).message).toMatch(/`normalize_weights` divides/);
    expect(refusal(models("linear", list("a", "b"), "parameters: {weight: 0}")).message).toMatch(/sum to zero/);
  });

  it("pass for multislerp of one model, which is that model", () => {
    const one = models("multislerp", "{model: m0}, {model: m1, parameters: {weight: 0}}", "base_model: m0");
    expect(parseRecipe(one).method).toBe("multislerp");
  });

  it("pass without normalisation, with filters and gradients, and for other methods", () => {
    for (const text of [
      models("linear", weights("1", "-1"), "parameters: {normalize: false}"),
      models("linear", weights("1", "[-1, 0]")),
      models("linear", weights("1", "{filter: x, value: -1}"), "parameters: {weight: 1}"),
      models("task_arithmetic", weights("1", "-1"), "base_model: z"),
      models("nuslerp", weights("1", "-1")),
    ]) {
      expect(parseRecipe(text).warnings).toEqual([]);
    }
  });

  it("are told from small sums", () => {
    expect(sumIsZero([0.1, 0.2, -0.3])).toBe(true);
    expect(sumIsZero([0, 0])).toBe(true);
    expect(sumIsZero([1e-9, 0])).toBe(false);
    expect(sumIsZero([1, -1 + 1e-9])).toBe(false);
  });
});

describe("densities", () => {
  const density = (method: string, value: string) =>
    models(method, `{model: a, parameters: {weight: 1, density: ${value}}}`, "base_model: z");

  it("outside (0, 1] are accepted", () => {
    for (const value of ["0", "-0.5", "1.0", "1.5"]) expect(parseRecipe(density("ties", value)).warnings).toEqual([]);
  });

  it("are refused as NaN", () => {
    expect(placeOf(refusal(density("ties", ".nan")))).toBe("BAD_RECIPE 2:54");
  });

  it("must leave room for epsilon in DELLA", () => {
    expect(refusal(density("della", "0.1")).message).toMatch(/density 0.1 ± epsilon 0.15 must lie between 0 and 1/);
    expect(refusal(density("della", "0.9, epsilon: 0.1")).message).toMatch(/density 0.9 ± epsilon 0.1/);
    for (const value of ["0.5", "1", "0.1, epsilon: 0.05"])
      expect(parseRecipe(density("della_linear", value)).method).toBe("della_linear");
  });
});

describe("names", () => {
  it("of methods, dtypes and templates are suggested", () => {
    const unknown = refusal(models("tise", list("a")));
    expect(placeOf(unknown)).toBe("BAD_RECIPE 1:15");
    expect(unknown.hint).toBe("did you mean `ties`?");
    expect(refusal(models("TIES", list("a"))).hint).toBe("did you mean `ties`?");
    expect(refusal(models("frobnicate-everything", list("a"))).hint).toMatch(/^known: linear, slerp/);
    expect(refusal(models("passthrough", list("a"), "dtype: bf16")).hint).toBe("did you mean `bfloat16`?");
    expect(refusal(models("passthrough", list("a"), "out_dtype: flaot16")).hint).toBe("did you mean `float16`?");
    expect(refusal(models("passthrough", list("a"), "chat_template: chatlm")).hint).toBe("did you mean `chatml`?");
    const choice = models("dare_ties", list("a"), "base_model: z\nparameters: {weight: 1, rescale_mode: inverse}");
    expect(refusal(choice).hint).toMatch(/inverse_density|known: l1/);
  });
});

describe("tokenizer and chat template", () => {
  const copy = (rest: string) => models("passthrough", list("a"), rest);

  it("reads the short form", () => {
    expect(parseRecipe(copy("tokenizer_source: base")).tokenizer).toEqual({ source: { kind: "base" }, tokens: {} });
    expect(parseRecipe(copy("tokenizer_source: org/x")).tokenizer?.source).toMatchObject({
      kind: "model",
      model: { path: "org/x" },
    });
    expect(parseRecipe(copy("tokenizer: {pad_to_multiple_of: 0}")).tokenizer).toEqual({
      source: { kind: "union" },
      tokens: {},
    });
  });

  it("accepts a named template and a Jinja text, not a short word", () => {
    expect(parseRecipe(copy("chat_template: llama3")).chatTemplate).toBe("llama3");
    expect(parseRecipe(copy("chat_template: '{{ messages | tojson }}'")).chatTemplate).toBe("{{ messages | tojson }}");
    expect(refusal(copy("chat_template: '{{ m }}'")).message).toMatch(/neither a known template/);
    expect(refusal(copy("chat_template: a sentence without the brace")).message).toMatch(/neither a known template/);
  });

  it.each([
    ["tokenizer_source: union\ntokenizer: {}", "3:1", /exclude each other/],
    ["tokenizer: {sorce: union}", "3:13", /unknown key `sorce`/],
    ["tokenizer: {pad_to_multiple_of: -8}", "3:33", /above 0/],
    ["tokenizer: {tokens: {x: null}}", "3:25", /expected a mapping, received nothing/],
    ["tokenizer: {tokens: {x: {force: maybe}}}", "3:33", /expected true or false/],
    ["tokenizer: {tokens: {x: {source: {kind: zeros}}}}", "3:41", /unknown kind/],
    ["tokenizer: {tokens: {x: {source: {kind: model_token, model: q, token_id: -1}}}}", "3:74", /0 or more/],
    ["tokenizer: {tokens: {x: {source: {kind: model_token, token: q}}}}", "3:34", /expected a model, received nothing/],
    ["tokenizer_source: 5", "3:19", /expected a model/],
  ])("refuses %s at %s", (rest, place, message) => {
    const error = refusal(copy(rest));
    expect(placeOf(error)).toBe(`BAD_RECIPE ${place}`);
    expect(error.message).toMatch(message);
  });

  it("takes a model_token without token for the model itself, as mergekit does, and says so", () => {
    const recipe = parseRecipe(copy("tokenizer: {tokens: {x: {source: {kind: model_token, model: q}}}}"));
    expect(recipe.tokenizer?.tokens.x?.source).toMatchObject({ kind: "model", model: { path: "q" } });
    expect(recipe.warnings).toHaveLength(1);
  });
});
