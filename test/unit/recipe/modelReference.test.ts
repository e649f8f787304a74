import { describe, expect, it } from "vitest";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { ModelReferenceError, parseModelReference, sameModel } from "../../../lib/recipe/modelReference.js";
import { placeOf, refusal } from "./refusal.js";

const nowhere = () => false;
const parse = (text: string, ...existing: string[]) => parseModelReference(text, (path) => existing.includes(path));

describe("model references as text", () => {
  it("are a path with an optional revision and an optional adapter with its own", () => {
    expect(parse("org/model")).toEqual({ text: "org/model", path: "org/model" });
    expect(parse("org/model@v1")).toEqual({ text: "org/model@v1", path: "org/model", revision: "v1" });
    expect(parse("a+b")).toEqual({ text: "a+b", path: "a", lora: { path: "b" } });
    expect(parse("a@x+b@y")).toEqual({
      text: "a@x+b@y",
      path: "a",
      revision: "x",
      lora: { path: "b", revision: "y" },
    });
  });

  it("are used as they are where such a local path exists", () => {
    expect(parse("models/a@b+c", "models/a@b+c")).toEqual({ text: "models/a@b+c", path: "models/a@b+c" });
    expect(parse("C:\\models\\x@2", "C:\\models\\x@2").path).toBe("C:\\models\\x@2");
    expect(parse("u@h/base+lora@r", "u@h/base")).toMatchObject({
      path: "u@h/base",
      lora: { path: "lora", revision: "r" },
    });
    expect(parse("c++/base+lora", "c++/base")).toMatchObject({ path: "c++/base", lora: { path: "lora" } });
    expect(parse("u@h/base@main", "u@h/base")).toMatchObject({ path: "u@h/base", revision: "main" });
  });

  it.each(["", "  ", "a+b+c", "a@b@c", "a+", "+b", "@r", "a@", "a\0b", "x".repeat(5000)])("refuse %j", (text) => {
    expect(() => parseModelReference(text, nowhere)).toThrow(ModelReferenceError);
  });

  it("ask the file system a bounded number of times", () => {
    let asked = 0;
    const count = () => {
      asked += 1;
      return false;
    };
    expect(() => parseModelReference("a+".repeat(100_000), count)).toThrow(ModelReferenceError);
    expect(asked).toBe(0);
  });

  it("are the same model if all their parts are", () => {
    expect(sameModel(parse("a@x+b"), parse("a@x+b"))).toBe(true);
    expect(sameModel(parse("a@x+b"), parse("a+b"))).toBe(false);
    expect(sameModel(parse("a"), parse("a+b"))).toBe(false);
  });
});

describe("model references as mappings", () => {
  const model = (yaml: string) =>
    parseRecipe(`merge_method: passthrough\nmodels:\n- model: ${yaml}\n`, { exists: nowhere }).modules[0]?.slices[0]
      ?.sources[0]?.model;

  it("have the text form as their canonical text", () => {
    expect(model("{model: {path: a, revision: r}, lora: {path: l, revision: null}}")).toEqual(model("a@r+l"));
    expect(model("{model: a@r, lora: l}")).toEqual(model("a@r+l"));
    expect(model("{lora: null, model: {path: a}, override_architecture: LlamaForCausalLM}")).toEqual({
      text: "a",
      path: "a",
      overrideArchitecture: "LlamaForCausalLM",
    });
  });

  it("take an @ in `path` as part of the path", () => {
    expect(model("{model: {path: u@h/a, revision: r}}")).toMatchObject({ path: "u@h/a", revision: "r" });
  });

  it.each([
    ["{path: a}", "3:11", /unknown key `path`/],
    ["{model: {path: a, revison: r}}", "3:28", /unknown key `revison`/],
    ["{model: {path: a, revision: 3}}", "3:38", /expected text, received the number 3/],
    ["{model: {revision: r}}", "3:18", /expected a path or/],
    ["{model: a, override_architecture: [x]}", "3:44", /expected text, received a list/],
    ["12", "3:10", /expected a model, received the number 12/],
    ["[a]", "3:10", /expected a model, received a list/],
    ["a+b+c", "3:10", /more than one \+/],
  ])("refuse %s at %s", (yaml, place, message) => {
    const error = refusal(`merge_method: passthrough\nmodels:\n- model: ${yaml}\n`, { exists: nowhere });
    expect(placeOf(error)).toBe(`BAD_RECIPE ${place}`);
    expect(error.message).toMatch(message);
  });
});
