// How a judge's model is opened that has an adapter.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { adapterFidelity } from "../../../lib/generate/virtual/adapterFidelity.js";

const root = mkdtempSync(join(tmpdir(), "retemper-fidelity-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a judge's model", () => {
  it("sums the products of its adapter, as peft does where an adapter is not merged", () => {
    expect(adapterFidelity("google/gemma-2b+qylu4156/strongreject-15k-v1")).toBe("linear");
    expect(adapterFidelity(`${root}@main+${root}`)).toBe("linear");
  });

  it("is left as it is without an adapter: a name, a folder with a plus in its name, a recipe, a server", () => {
    const folder = join(root, "a+b");
    mkdirSync(folder);
    const recipe = join(root, "recipe.yml");
    writeFileSync(recipe, "merge_method: linear\n");
    const others = ["cais/HarmBench-Llama-2-13b-cls", folder, recipe, "http://localhost:8000/v1#base+adapter"];
    expect(others.map(adapterFidelity)).toEqual(others.map(() => undefined));
  });
});
