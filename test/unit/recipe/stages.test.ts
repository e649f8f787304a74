import { describe, expect, it } from "vitest";
import { recipeHash } from "../../../lib/recipe/identity.js";
import { parseRecipe } from "../../../lib/recipe/load.js";
import { loadStages } from "../../../lib/recipe/stages.js";

const of = (model: string) => `merge_method: passthrough\nmodels: [{model: ${model}}]\n`;

describe("the documents of a recipe", () => {
  it("are ordered so that each comes after those that it uses", async () => {
    const text = `name: c\n${of("b")}---\nname: b\n${of("a")}---\n${of("c")}---\nname: a\n${of("m")}`;
    const { final, stages } = await loadStages(text);
    expect([...stages.keys()]).toEqual(["a", "b", "c"]);
    expect(final.uses).toEqual(["c"]);
  });

  it("find a stage wherever a model may be named", async () => {
    const linear = (base: string, tokenizer: string) =>
      `merge_method: task_arithmetic\nbase_model: ${base}\nmodels: [{model: "s1+adapter", parameters: {weight: 1}}]\n` +
      `tokenizer: {source: ${tokenizer}, tokens: {"<x>": {source: s4}}}\n`;
    const names = ["s1", "s2", "s3", "s4"].map((name) => `name: ${name}\n${of("m")}---\n`).join("");
    const { final } = await loadStages(names + linear("s2", "s3"));
    expect([...final.uses].sort()).toEqual(["s1", "s2", "s3", "s4"]);
  });

  it("keep their text, comments and all, without the name", async () => {
    const text = `# first\nname: a  # a name\n# why\n${of("m")}---\n# last\n${of("a")}...\n`;
    const { final, stages } = await loadStages(text);
    expect(stages.get("a")?.recipe.text).toBe(`# first\n# why\n${of("m")}`);
    expect(final.recipe.text).toBe(`# last\n${of("a")}`);
  });

  it("are written anew where the name cannot be cut out of the text", async () => {
    const { stages } = await loadStages(`{name: a, merge_method: passthrough, models: [{model: m}]}\n---\n${of("a")}`);
    const text = stages.get("a")?.recipe.text ?? "";
    expect(text).not.toContain("name");
    expect(recipeHash(parseRecipe(text))).toBe(recipeHash(parseRecipe(of("m"))));
  });

  it("leave a lone recipe as it is", async () => {
    const text = `---\n# mine\n${of("m")}`;
    const { final, stages } = await loadStages(text);
    expect(final.recipe.text).toBe(text);
    expect(stages.size).toBe(0);
  });
});

describe("the hash of a recipe", () => {
  it("depends on what it says and not on how", () => {
    const hash = (text: string) => recipeHash(parseRecipe(text));
    const one = "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.5}\n";
    const same =
      "parameters:\n  t: 0.50\nmodels:\n  - model: a\n  - model: b\nbase_model: a\nmerge_method: slerp # yes\n";
    expect(hash(same)).toBe(hash(one));
    expect(hash(one.replace("0.5", "0.51"))).not.toBe(hash(one));
    expect(hash(one.replace("base_model: a", "base_model: b"))).not.toBe(hash(one));
  });
});
