// Random templates against what transformers with jinja2 made of them (test/golden/templates), where no Python is needed.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { differences, type TemplateCase } from "../differential/templates/renderCase.js";

const text = readFileSync(new URL("templates/cases.jsonl", import.meta.url), "utf8");
const cases = text
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as TemplateCase);

describe("the golden templates", () => {
  it("are some that render and some that fail", () => {
    expect(cases).toHaveLength(400);
    expect(cases.filter((one) => one.text !== undefined).length).toBeGreaterThan(150);
    expect(new Set(cases.map(({ error }) => error)).size).toBeGreaterThan(8);
  });

  it("render to Python's text, or fail with its kind of error", () => {
    expect(differences(cases)).toEqual([]);
  });
});
