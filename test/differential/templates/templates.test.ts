// Random templates, rendered by Python's jinja2 in the settings of transformers and by us: the same texts, and errors of the
// same kinds. TEMPLATES_SEED and TEMPLATES_COUNT choose others than the first 2,000.

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { long } from "../../long.js";
import { runPython, whyNoPython } from "../../peers.js";
import { differences, type TemplateCase } from "./renderCase.js";

const script = fileURLToPath(new URL("reference.py", import.meta.url));
const seed = process.env.TEMPLATES_SEED ?? "1";
const count = process.env.TEMPLATES_COUNT ?? (long ? "2000" : "500");

function ask(...args: string[]): TemplateCase[] {
  const lines = runPython(script, args).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as TemplateCase);
}

const noJinja = whyNoPython("jinja2");

describe.skipIf(noJinja)(`random templates beside jinja2${noJinja ? ` (${noJinja})` : ""}`, () => {
  it(`render to the same text, or fail with the same error (${count} of seed ${seed})`, () => {
    const cases = ask("random", seed, count);
    expect(cases).toHaveLength(Number(count));
    expect(cases.filter(({ text }) => text !== undefined).length).toBeGreaterThan(Number(count) / 3);
    expect(differences(cases).slice(0, 5)).toEqual([]);
  }, 300_000);

  it("do so, too, where what is not there may only be asked whether it is defined", () => {
    const cases = ask("random", `${Number(seed) + 2}`, long ? "1000" : "150", "strict");
    expect(cases.filter(({ error }) => error === "UndefinedError").length).toBeGreaterThan(cases.length / 20);
    expect(differences(cases, true).slice(0, 5)).toEqual([]);
  }, 300_000);
});

const noTransformers = whyNoPython("transformers", "jinja2");

describe.skipIf(noTransformers)(
  `random templates beside transformers${noTransformers ? ` (${noTransformers})` : ""}`,
  () => {
    it("render to the same text as by its own function, or fail with the same error", () => {
      expect(differences(ask("random", `${Number(seed) + 1}`, "300", "transformers")).slice(0, 5)).toEqual([]);
    }, 300_000);
  },
);
