// The card of a merge with a run's numbers: what a hub reads of it, in huggingface_hub's own words where that is there.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { addToCard } from "../../lib/merge/addToCard.js";
import { merge } from "../../lib/merge/merge.js";
import { verify } from "../../lib/merge/verify.js";
import { cardSections } from "../../lib/report/cardSections.js";
import type { WrittenModel } from "../../lib/report/types.js";
import { candidateId, nameOf } from "../../lib/select/names.js";
import type { Candidate } from "../../lib/select/types.js";
import { runPython, whyNoPython } from "../peers.js";
import { RESULTS } from "../unit/report/results.js";
import { languageModel, writeModel } from "./mergeModels.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-card-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const out = join(folder, "models", "linear-0.4-seed-42");
const commit = "0123456789abcdef0123456789abcdef01234567";
const output = { ...(RESULTS.outputs[0] as WrittenModel), name: "linear at lambda 0.4", seed: "42" };
const own = { score: { value: 0.875 }, asr: { value: 0.0625, low: 0.01, high: 0.2 } };
const readCard = () => readFileSync(join(out, "README.md"), "utf8");

beforeAll(async () => {
  const repository = join(folder, "hub", "models--an-org--Aligned-1B");
  const aligned = writeModel(join(repository, "snapshots", commit), languageModel(1));
  writeFileSync(join(aligned, "README.md"), "---\nlicense: llama3.2\nlanguage: en\n---\n# Aligned\n");
  mkdirSync(join(repository, "refs"));
  writeFileSync(join(repository, "refs/main"), commit);
  const tuned = writeModel(join(folder, "private place", "tuned"), languageModel(2));
  const models = [{ model: "an-org/Aligned-1B" }, { model: tuned }];
  const options = { lambda: 0.4, transformersCache: join(folder, "hub") };
  await merge({ merge_method: "linear", models, dtype: "float32" } as Parameters<typeof merge>[0], out, options);
});

const front = {
  base_model: ["an-org/Aligned-1B"],
  base_model_relation: "merge",
  library_name: "transformers",
  license: "llama3.2",
  pipeline_tag: "text-generation",
  tags: ["merge", "retemper"],
};

describe("the card of a merge", () => {
  it("has hub ids and names in place of paths, the licence, the recipe and how to repeat it", () => {
    const card = readCard();
    expect(parse(card.split(/^---$/m)[1] ?? "")).toEqual(front);
    expect(card).not.toContain(folder);
    expect(card).toContain("* an-org/Aligned-1B: llama3.2");
    expect(card).toContain("* tuned: its card states none");
    const [, recipe = ""] = /```yaml\n([\s\S]*?)\n```/.exec(card) ?? [];
    expect(parse(recipe)).toMatchObject({ models: [{ model: "an-org/Aligned-1B" }, { model: "tuned" }] });
    expect(card).toContain("`retemper verify FOLDER`");
  });

  it("gets a run's numbers with intervals, rule, margin, judge, limits and data, and stays an output that is whole", async () => {
    const results = { ...RESULTS, notes: [...RESULTS.notes, "Rule: constrained, margin 0.2."] };
    for (let time = 0; time < 2; time++) await addToCard(out, cardSections(results, output, own));
    const card = readCard();
    expect(card.match(/^## .*$/gm)).toEqual([
      ...["## Results", "## How it was chosen", "## Limits", "## How the numbers were made"],
      ...["## Models", "## Licence", "## Recipe", "## How to repeat it"],
    ]);
    expect(card).toMatch(/^\| aligned \| 0\.000 .*\(0\.000 to 0\.050; new tuning/m);
    expect(card).toMatch(/^\| linear at lambda 0\.4, mean of its seeds \| 0\.910 /m);
    expect(card).toMatch(/^\| linear at lambda 0\.4, seed 42 \(this model\) \| 0\.875 \| 0\.063 \(0\.010 to 0\.200\)/m);
    expect(card.match(/^\* Rule: /gm)).toHaveLength(1);
    expect(card).toContain("* Rule: constrained, margin 0.2 (one-sided upper bound at 0.95, divided between series)");
    expect(card).toContain("refusals lost (keyword)");
    expect(card).toMatch(/^\* Items that chose: 75 of safety, 60 of the task; that confirmed: 74 and 100$/m);
    expect(card).toMatch(/retemper run experiment\.yml` with Retemper .*sha256 of the settings: /);
    expect(card).not.toMatch(/<script|<img/);
    expect((await verify(out)).ok).toBe(true);
  });

  it("says of a choice that was not confirmed that it is not to be shipped, and of another seed which is", () => {
    const candidate = RESULTS.selection.overall.candidate as Candidate;
    const choice = { ...output, name: nameOf(candidate), candidate: candidateId(candidate) };
    const confirmation = { holds: false, bound: 0.3, margin: 0.2, sentence: "It does not hold." };
    const unconfirmed = cardSections({ ...RESULTS, confirmation }, { ...choice, confirmed: false }, own);
    expect(unconfirmed).toContain("not confirmed on other items: not to be shipped.");
    expect(unconfirmed).toContain("* Not confirmed: It does not hold.");
    const shipped = { path: output.path, seed: "42", why: "Seed 42 is the safest." };
    expect(cardSections({ ...RESULTS, shipped }, choice, own)).toMatch(/the model to ship\. .*Seed 42 is the safest\./);
    expect(cardSections({ ...RESULTS, shipped }, { ...choice, path: "models/x" }, own)).toContain(
      "of another seed than",
    );
  });
});

const noPython = whyNoPython("huggingface_hub");

describe.skipIf(noPython)(`huggingface_hub${noPython ? `: ${noPython}` : ""}`, () => {
  it("reads the card, with and without a run's numbers", () => {
    for (const sections of [undefined, cardSections(RESULTS, output, own)]) {
      const file = join(folder, "README.md");
      const card = readCard();
      writeFileSync(file, sections === undefined ? card.replace(/## Results[\s\S]*?(?=## Models)/, "") : card);
      const { data, text } = JSON.parse(runPython(join(import.meta.dirname, "readCard.py"), [file])) as {
        data: object;
        text: string;
      };
      expect(data).toEqual(front);
      expect(text).toContain("## Recipe");
    }
  });
});
