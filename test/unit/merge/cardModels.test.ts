import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { addToCard } from "../../../lib/merge/addToCard.js";
import { modelCard, withSections } from "../../../lib/merge/card.js";
import { type CardModel, cardModels } from "../../../lib/merge/cardModels.js";
import { recipeWithNames } from "../../../lib/merge/recipeWithNames.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-card-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function model(path: string, files: Readonly<Record<string, string>>): string {
  const place = join(folder, path);
  mkdirSync(place, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text);
  return place;
}
const of = (...paths: string[]) => paths.map((path) => ({ text: path, path }));

describe("cardModels", () => {
  it("knows a model of the hub's cache by its id, and what its card says of the licence", async () => {
    const commit = "0123456789abcdef0123456789abcdef01234567";
    const snapshot = `hub/models--some-org--Model-1B/snapshots/${commit}`;
    const place = model(snapshot, { "README.md": "---\nlicense: apache-2.0\nbase_model: some/other\n---\n# Model\n" });
    model("hub/models--some-org--Model-1B/refs", { main: commit });
    const known = { name: "some-org/Model-1B", id: "some-org/Model-1B", bases: [], licence: { id: "apache-2.0" } };
    const cache = join(folder, "hub");
    expect(await cardModels(of("some-org/Model-1B"), { cache })).toEqual([{ path: "some-org/Model-1B", ...known }]);
    expect(await cardModels(of(place), {})).toEqual([{ path: place, ...known }]);
  });

  it("calls a folder by its name, and takes what it was made from out of its card, else its configuration", async () => {
    const carded = model("a/tuned", {
      "README.md": "---\nbase_model:\n- meta/Base\n- /home/someone/secret\nlicense: other\nlicense_name: own\n---\n",
      "config.json": '{"_name_or_path": "not/this"}',
    });
    const configured = model("b/tuned", { "config.json": '{"_name_or_path": "meta/Base-2"}' });
    const adapter = model("adapter", { "adapter_config.json": '{"base_model_name_or_path": "meta/Base-3"}' });
    const local = model("local", { "config.json": '{"_name_or_path": "models/aligned"}' });
    const found = await cardModels(
      [...of(carded, configured, local), { text: "", path: local, lora: { path: adapter } }],
      {},
    );
    expect(found.map(({ name, bases, licence }) => [name, bases, licence?.name])).toEqual([
      ["tuned", ["meta/Base"], "own"],
      ["tuned-2", ["meta/Base-2"], undefined],
      ["local", [], undefined],
      ["adapter", ["meta/Base-3"], undefined],
    ]);
  });

  it("makes nothing of a card that cannot be read or is hostile", async () => {
    const bomb = `a: &a [${"x,".repeat(50)}]\nb: &b [${"*a,".repeat(50)}]\nc: &c [${"*b,".repeat(50)}]\nlicense: mit`;
    for (const [at, text] of [
      "no front matter",
      "---\nlicense: [",
      `---\n${bomb}\n---\n`,
      "---\n- 1\n---\n",
    ].entries()) {
      const place = model(`bad/${at}`, { "README.md": text, "config.json": "{" });
      expect(await cardModels(of(place), {})).toEqual([
        { path: place, name: String(at), bases: [], licence: undefined },
      ]);
    }
  });
});

describe("the licence of a card", () => {
  const source = (name: string, id?: string, licence?: string): CardModel => ({
    path: name,
    name,
    ...(id !== undefined && { id }),
    bases: [],
    ...(licence !== undefined && { licence: { id: licence } }),
  });
  const licenceOf = (...sources: CardModel[]) => {
    const card = modelCard({
      name: "m",
      method: "linear",
      models: [],
      sources,
      baseModel: undefined,
      recipe: "a: 1",
      version: "1",
    });
    return (parse(card.split(/^---$/m)[1] ?? "") as { license?: string }).license;
  };

  it("is the one that all cards state, and open where they differ or a model of the hub states none", () => {
    expect(licenceOf(source("a", "o/a", "mit"), source("b", "o/b", "mit"))).toBe("mit");
    expect(licenceOf(source("a", "o/a", "mit"), source("b"))).toBe("mit"); // one's own adapter has no card
    expect(licenceOf(source("a", "o/a", "mit"), source("b", "o/b", "apache-2.0"))).toBeUndefined();
    expect(licenceOf(source("a", "o/a", "mit"), source("b", "o/b"))).toBeUndefined();
    expect(licenceOf(source("a"))).toBeUndefined();
  });
});

describe("recipeWithNames", () => {
  it("names models in all the forms in which a recipe names them, and keeps the rest and its comments", () => {
    const text = [
      "merge_method: linear # mine",
      "base_model: /m/base",
      "models:",
      "  - model: /m/base+/m/adapter",
      "    parameters: { weight: 0.50 }",
      "  - model: { model: { path: /m/base, revision: main } }",
      "tokenizer:",
      "  source: model:/m/base",
      "note: /m/base/inside",
    ].join("\n");
    const names = new Map([
      ["/m/base", "base"],
      ["/m/adapter", "adapter"],
    ]);
    const named = recipeWithNames(text, names);
    expect(named).toContain("merge_method: linear # mine");
    expect(parse(named)).toMatchObject({
      base_model: "base",
      models: [{ model: "base+adapter" }, { model: { model: { path: "base", revision: "main" } } }],
      tokenizer: { source: "model:base" },
      note: "/m/base/inside", // no model's name
    });
    expect(recipeWithNames(text, new Map())).toBe(text);
  });
});

describe("withSections", () => {
  it("puts sections before the models, replaces those of before, and keeps all else as it was", () => {
    const recipe = "a: 1\n## Results\n## Models\n";
    const card = modelCard({
      name: "m",
      method: "linear",
      models: ["m"],
      sources: [],
      baseModel: undefined,
      recipe,
      version: "1",
    });
    const once = withSections(card, "## Results\n\nfirst\n\n## Limits\n\nsome");
    expect(once.indexOf("first")).toBeLessThan(once.indexOf("\n## Models\n"));
    const twice = withSections(once, "## Results\n\nsecond");
    expect(twice).not.toMatch(/first|Limits/);
    expect(twice.replace("\n## Results\n\nsecond\n", "")).toBe(card);
    expect(withSections("# theirs\n", "## Results\n\nx")).toBe("# theirs\n\n## Results\n\nx\n");
  });
});

describe("addToCard", () => {
  it("does nothing where there is no card", async () => {
    await addToCard(model("none", {}), "## Results");
  });
});
