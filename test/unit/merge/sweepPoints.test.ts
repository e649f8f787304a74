// The points of a grid, and the recipes of these points.

import { describe, expect, it } from "vitest";
import { gridPoints } from "../../../lib/merge/points.js";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { checkSettings, suppliedBy, withSettings } from "../../../lib/recipe/vary.js";

describe("the points of a grid", () => {
  it("are every combination, the last parameter running fastest", () => {
    expect(gridPoints({ t: [0, 1], eps: [2, 3] })).toEqual([
      { name: "t-0_eps-2", settings: { t: 0, eps: 2 } },
      { name: "t-0_eps-3", settings: { t: 0, eps: 3 } },
      { name: "t-1_eps-2", settings: { t: 1, eps: 2 } },
      { name: "t-1_eps-3", settings: { t: 1, eps: 3 } },
    ]);
  });

  it("are named so that the two lambdas differ", () => {
    expect(gridPoints({ lambdas: [0.1], lambda: [-0.5] })[0]?.name).toBe("lambda-0.1_global-lambda--0.5");
  });

  it("are there once for a value that is listed twice", () => {
    expect(gridPoints({ lambdas: [0.5, 0, -0, 0.5] }).map(({ name }) => name)).toEqual(["lambda-0.5", "lambda-0"]);
  });
});

describe("the recipe of a point", () => {
  const read = (text: string, ...names: string[]) => parseRecipe(text, { supplied: suppliedBy(names) });
  const weights = async (text: string, lambdas: number) => {
    const recipe = read(text, "lambdas");
    checkSettings(recipe, ["lambdas"]);
    const point = withSettings(recipe, { lambdas });
    return point.modules.flatMap(({ slices }) =>
      slices.map(({ sources }) => sources.map(({ model, parameters }) => [model.text, parameters.weight?.[0]?.value])),
    );
  };

  it("has lambda as the weight of the model that is not the base, wherever it stands", async () => {
    const text = "merge_method: linear\nbase_model: a\nmodels: [{model: b}, {model: a}]";
    expect(await weights(text, 0.3)).toEqual([
      [
        ["b", 0.3],
        ["a", 0.7],
      ],
    ]);
    expect(await weights(text.replace("linear", "ties"), 0.3)).toEqual([
      [
        ["b", 0.3],
        ["a", undefined],
      ],
    ]);
  });

  it("takes the first model for the aligned one where there is no base", async () => {
    const text = "merge_method: linear\nmodels: [{model: a, parameters: {weight: 5}}, {model: b}]";
    const [[a, b] = []] = await weights(text, 1 / 3);
    expect(a).toEqual(["a", 1 - 1 / 3]);
    expect(b).toEqual(["b", 1 / 3]);
  });

  it("sets every slice of every module", async () => {
    const pair = (from: number) =>
      `{sources: [{model: a, layer_range: [${from}, ${from + 1}]}, {model: b, layer_range: [0, 1]}]}`;
    const text = `merge_method: linear\nmodules: {x: {slices: [${pair(0)}, ${pair(1)}]}, y: {models: [{model: a}, {model: b}]}}`;
    expect((await weights(text, 1)).map((slice) => slice.map(([, weight]) => weight))).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });

  it("keeps its other keys, with anchors resolved, and reads the same again", async () => {
    const text = `merge_method: ties
base_model: a
models:
  - {model: b, parameters: &p {weight: 0.5, density: [0.1, 0.9]}}
  - {model: "c@main", parameters: *p}
parameters: {density: 1, normalize: false}
out_dtype: bfloat16
tokenizer: {source: union, tokens: {"<x>": {source: b, force: true}}}
`;
    const point = withSettings(read(text, "weight"), { weight: 2, density: 0.25 });
    expect(point.outDtype).toBe("bfloat16");
    expect(point.tokenizer).toEqual(read(text).tokenizer);
    expect(point.parameters.normalize).toEqual([{ value: false }]);
    expect(point.parameters.weight).toEqual([{ value: 2 }]);
    expect(point.parameters.density).toEqual([{ value: 0.25 }]);
    expect(point.modules[0]?.slices[0]?.sources.map(({ parameters }) => parameters)).toEqual([{}, {}]);
    const again = parseRecipe(point.text);
    expect({ ...again, text: "" }).toEqual({ ...point, text: "" });
  });

  it("is what its own text says, and leaves the recipe that it was made of alone", () => {
    const slices =
      "[{sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [1, 2]}], parameters: {t: 1}}]";
    const cases: [text: string, name: string, value: number][] = [
      ["merge_method: linear\nbase_model: {model: {path: a}}\nmodels: [{model: b}]", "lambdas", 0.9],
      ["merge_method: linear\nmodels: [{model: a, parameters: }, {model: b}]", "lambdas", 0.1 + 0.2],
      ["merge_method: nuslerp\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}", "lambdas", 1],
      [
        `merge_method: slerp\nbase_model: a\nmodules: {x: {slices: ${slices}, parameters: {t: [0, 1]}}}`,
        "lambdas",
        0.5,
      ],
      [`merge_method: slerp\nbase_model: a\nslices: ${slices}\nmodules: {}\nparameters: {t: 0.1}`, "t", -0],
      [
        "merge_method: ties\nbase_model: a\nmodels: [{model: b}]\ndtype: torch.bfloat16\nmodules: null",
        "lambdas",
        1e-7,
      ],
    ];
    for (const [text, name, value] of cases) {
      const recipe = read(text, name);
      const before = structuredClone(recipe);
      const point = withSettings(recipe, { [name]: value });
      const again = parseRecipe(point.text);
      expect({ ...again, text: point.text, warnings: point.warnings }, text).toEqual(point);
      expect(recipe).toEqual(before);
    }
  });

  it("may replace a required parameter that the recipe leaves out, but no other", () => {
    const text = "merge_method: task_arithmetic\nbase_model: a\nmodels: [{model: b}]";
    expect(() => read(text, "density")).toThrow(/weight/);
    expect(read(text, "lambdas").method).toBe("task_arithmetic");
    expect(read(text, "weight").method).toBe("task_arithmetic");
  });
});
