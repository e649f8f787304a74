import { describe, expect, it } from "vitest";
import { RetemperError } from "../../../lib/errors.js";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { createParameterReader } from "../../../lib/recipe/parameters.js";
import type { RecipeSource } from "../../../lib/recipe/types.js";
import fc from "../../properties.js";

/** The reader of the first slice, with its sources. */
function open(text: string) {
  const recipe = parseRecipe(text);
  const [module] = recipe.modules;
  const [slice] = module?.slices ?? [];
  if (module === undefined || slice === undefined) throw new Error("no slice");
  return {
    reader: createParameterReader(recipe, module, slice),
    sources: slice.sources as readonly [RecipeSource, RecipeSource],
  };
}

const thrown = (run: () => unknown): RetemperError => {
  try {
    run();
  } catch (error) {
    if (error instanceof RetemperError) return error;
  }
  throw new Error("nothing was thrown");
};

const pair = (top: string, slice = "{}", a = "{}", b = "{}") => `
merge_method: linear
slices:
- sources:
  - {model: a, layer_range: [0, 1], parameters: ${a}}
  - {model: b, layer_range: [0, 1], parameters: ${b}}
  parameters: ${slice}
parameters: ${top}
`;

describe("precedence", () => {
  it("takes the source's own value before the slice's, the module's, the recipe's and the default", () => {
    const text = (levels: number) => `
merge_method: ties
base_model: z
modules:
  text:
    slices:
    - sources:
      - {model: z, layer_range: [0, 1]}
      - {model: a, layer_range: [0, 1]${levels > 3 ? ", parameters: {density: 0.4}" : ""}}
      ${levels > 2 ? "parameters: {density: 0.3}" : ""}
    ${levels > 1 ? "parameters: {density: 0.2}" : ""}
parameters: {weight: 1${levels > 0 ? ", density: 0.1" : ""}}
`;
    const read = (levels: number) => {
      const { reader, sources } = open(text(levels));
      return reader.sourceNumber(sources[1], "density", "w", 0);
    };
    expect([0, 1, 2, 3, 4].map(read)).toEqual([1, 0.1, 0.2, 0.3, 0.4]);
  });

  it("ignores a global parameter under a source, with a warning", () => {
    const text = pair("{weight: 1}", "{}", "{normalize: false}");
    expect(open(text).reader.globalBoolean("normalize", "out", 0)).toBe(true);
    expect(parseRecipe(text).warnings).toEqual([expect.stringMatching(/`normalize` of linear is not set per model/)]);
  });

  it("asks the next level where no filter of a level matches", () => {
    const { reader, sources } = open(
      pair("{weight: 3}", "{weight: {filter: IN_A, value: 7}}", "{weight: {filter: zz, value: 9}}"),
    );
    expect(reader.sourceNumber(sources[0], "weight", "IN_A", 0)).toBe(7);
    expect(reader.sourceNumber(sources[1], "weight", "IN_B", 0)).toBe(3);
  });

  it("tests the input's name for per-model parameters at every level, the output's for global ones", () => {
    const { reader, sources } = open(
      pair(
        "{weight: [{filter: IN_A, value: 1}, {filter: IN_B, value: 2}, {filter: OUT, value: 3}], normalize: {filter: OUT, value: false}}",
      ),
    );
    expect(reader.sourceNumber(sources[0], "weight", "IN_A", 0)).toBe(1);
    expect(reader.sourceNumber(sources[1], "weight", "IN_B", 0)).toBe(2);
    expect(reader.globalBoolean("normalize", "OUT", 0)).toBe(false);
    expect(reader.globalBoolean("normalize", "IN_A", 0)).toBe(true);
  });

  it("reads an unlisted base from the levels above the sources", () => {
    const { reader } = open("merge_method: linear\nbase_model: z\nmodels: [{model: a}]\nparameters: {weight: 0.5}\n");
    expect(reader.sourceNumber(undefined, "weight", "w", 0)).toBe(0.5);
  });
});

describe("filters", () => {
  it("are plain parts of the name: no glob, no pattern, and only a lone * matches all", () => {
    const read = (filter: string, name: string) => {
      const { reader, sources } = open(
        pair("{weight: 0.25}", "{}", `{weight: {filter: ${JSON.stringify(filter)}, value: 5}}`),
      );
      return reader.sourceNumber(sources[0], "weight", name, 0) === 5;
    };
    expect(read("q_proj", "layers.0.self_attn.q_proj.weight")).toBe(true);
    expect(read("q_*", "layers.0.self_attn.q_proj.weight")).toBe(false);
    expect(read(".", "weight")).toBe(false);
    expect(read("*", "anything")).toBe(true);
    expect(read("", "anything")).toBe(true);
  });

  it("take the first match of any list, as a plain search would", () => {
    const word = fc.stringMatching(/^[a-c.]{0,4}$/);
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), fc.stringMatching(/^[a-c.]{1,12}$/), (filters, name) => {
        const list = filters.map((filter, index) => ({ filter, value: index + 1 }));
        const { reader, sources } = open(pair("{weight: 0.5}", "{}", JSON.stringify({ weight: list })));
        const expected = list.find(({ filter }) => name.includes(filter))?.value ?? 0.5;
        expect(reader.sourceNumber(sources[0], "weight", name, 0)).toBe(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe("evaluation", () => {
  it("interpolates a gradient inside the filter that matches", () => {
    const { reader } = open(`
merge_method: slerp
base_model: a
models: [{model: a}, {model: b}]
parameters:
  t:
  - {filter: self_attn, value: [0, 0.5, 0.3, 0.7, 1]}
  - {filter: mlp, value: [1, 0.5, 0.7, 0.3, 0]}
  - value: 0.5
`);
    expect(reader.globalNumber("t", "layers.1.self_attn.q", 0.25)).toBe(0.5);
    expect(reader.globalNumber("t", "layers.3.mlp.up", 0.75)).toBeCloseTo(0.3, 12);
    expect(reader.globalNumber("t", "norm", 0)).toBe(0.5);
    expect(reader.globalNumber("slerp_threshold", "norm", 0)).toBe(0.9995);
  });

  it("rounds a gradient of a whole-number parameter", () => {
    const { reader } = open(
      "merge_method: karcher\nmodels: [{model: a}, {model: b}]\nparameters: {max_iter: [1, 10]}\n",
    );
    expect([0, 0.25, 0.5, 1].map((t) => reader.globalNumber("max_iter", "w", t))).toEqual([1, 3, 6, 10]);
  });

  it("leaves an optional parameter without default unset", () => {
    const { reader, sources } = open("merge_method: passthrough\nmodels: [{model: a}]\n");
    expect(reader.forSource(sources[0], "scale", "w", 0)).toBeUndefined();
    expect(thrown(() => reader.sourceNumber(sources[0], "scale", "w", 0)).message).toMatch(
      /`scale`: expected a finite number, received nothing/,
    );
  });

  it("names the missing parameter, the model and the tensor where only filters are there", () => {
    const { reader, sources } = open(pair("{}", "{}", "{weight: {filter: mlp, value: 1}}", "{weight: 1}"));
    const error = thrown(() => reader.sourceNumber(sources[0], "weight", "norm.weight", 0));
    expect(error.code).toBe("BAD_RECIPE");
    expect(error.exitStatus).toBe(3);
    expect(error.tensor).toBe("norm.weight");
    expect(error.message).toMatch(/missing required parameter `weight` of linear for a/);
  });

  it("does the same for a global parameter", () => {
    const { reader } = open(
      "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: {filter: mlp, value: 1}}\n",
    );
    expect(thrown(() => reader.global("t", "norm", 0)).message).toMatch(/missing required parameter `t` of slerp/);
  });

  it("gives the family's own defaults", () => {
    const text = (method: string) =>
      `merge_method: ${method}\nbase_model: z\nmodels: [{model: a}]\nparameters: {weight: 1}\n`;
    const read = (method: string) => {
      const { reader } = open(text(method));
      return [
        reader.globalBoolean("normalize", "w", 0),
        reader.globalBoolean("rescale", "w", 0),
        reader.globalText("rescale_mode", "w", 0),
      ];
    };
    expect(read("ties")).toEqual([true, false, "l1"]);
    expect(read("dare_linear")).toEqual([false, true, "l1"]);
    expect(read("della")).toEqual([true, true, "l1"]);
  });

  it("refuses to read a parameter that the method does not have, as a fault of the caller", () => {
    const { reader, sources } = open(pair("{weight: 1}"));
    expect(thrown(() => reader.global("density", "w", 0)).code).toBe("INTERNAL");
    expect(thrown(() => reader.global("weight", "w", 0)).code).toBe("INTERNAL");
    expect(thrown(() => reader.forSource(sources[0], "constructor", "w", 0)).code).toBe("INTERNAL");
  });
});
