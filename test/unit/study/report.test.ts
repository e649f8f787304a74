// A study's report: its tables, one figure for each safety set, task and model, and nothing that a name could break.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { studyFigures } from "../../../lib/report/study/studyFigures.js";
import { studyHtml } from "../../../lib/report/study/studyHtml.js";
import { studyMarkdown } from "../../../lib/report/study/studyMarkdown.js";
import { studyTables } from "../../../lib/report/study/studyTables.js";
import type { ControlComparison } from "../../../lib/report/types.js";
import { poolStudies } from "../../../lib/study/results/poolStudies.js";
import { readStudyResults } from "../../../lib/study/results/readStudyResults.js";
import { viewOf } from "../../../lib/study/results/viewOf.js";
import { cellWith, studyWith } from "./studies.js";

const numbers = (count: number) => Array.from({ length: count }, (_, item) => item);
const measured = { seeds: [1, 2], items: Array.from({ length: 12 }, (_, item) => item) };
const control: ControlComparison = {
  ...{ kind: "random", name: "the random direction", at: "equal score" as const, points: ["random at lambda 0.2"] },
  ...{
    sentence: "At equal score the merge loses fewer.",
    difference: -0.1,
    low: -0.2,
    high: -0.01,
    items: 24,
    pHolm: 0.04,
  },
};
const view = viewOf(
  studyWith(
    cellWith(measured, { controls: [control] }),
    cellWith(measured, { task: "words" }),
    cellWith(measured, { model: "<b>other</b>" }),
  ),
);

describe("a study whose experiments ship other forms", () => {
  const form = (name: string, holds: boolean) => ({
    ...{ name, holds, path: `models/linear-0.6-seed-1-${name.replaceAll(" ", "-")}` },
    sentence: `${name}: ${holds ? "same" : "different"}.`,
  });
  const ship = [form("gguf q8_0", true), form("gguf q4_k_m", false)];
  const shown = viewOf(studyWith(cellWith(measured, { ship }), cellWith(measured, { task: "words" })));

  it("says of each form whether it holds, and why", () => {
    const table = studyTables(shown).find(({ id }) => id === "forms");
    expect(table?.rows).toEqual([
      ["town", "calls", "gguf q8_0", "yes", "models/linear-0.6-seed-1-gguf-q8_0"],
      ["town", "calls", "gguf q4_k_m", "no", "models/linear-0.6-seed-1-gguf-q4_k_m"],
    ]);
    expect(table?.reasons).toContain("town, calls: gguf q4_k_m: different.");
    expect(studyHtml(shown)).toContain("town, calls: gguf q4_k_m: different.");
    expect(studyMarkdown(shown)).toContain("## What ships, beside what was measured");
    expect(studyHtml(view)).not.toContain("What ships");
  });

  it("leaves them out where it is pooled, and says so: the choice is made again", () => {
    const one = studyWith(cellWith({ ...measured, seeds: [1] }, { ship }));
    const pooled = poolStudies([one, studyWith(cellWith({ ...measured, seeds: [2] }))]);
    expect(pooled.cells[0]).not.toHaveProperty("ship");
    expect(pooled.notes.join()).toContain("calls, town: forms that ship are of each study's own choice");
  });
});

describe("a study's report", () => {
  it("has each task by aligned, fine-tuned and merged model, with the rates on each safety set", () => {
    const table = studyTables(view).find(({ id }) => id === "tasks-town");
    expect(table?.head).toEqual([
      "task",
      "model",
      "score",
      "ASR",
      "ASR, advbench",
      "ASR, hexphi",
      "sums",
      "truncated",
      "empty",
    ]);
    expect(table?.rows.map(([task, model]) => `${task}: ${model}`)).toEqual(
      ["calls (calls)", "words (calls)"].flatMap((task) =>
        ["aligned", "fine-tuned", "merged: linear at lambda 0.6"].map((model) => `${task}: ${model}`),
      ),
    );
    const [cell] = view.cells;
    expect(table?.rows[2]?.[4]).toContain(cell?.merged?.sets.advbench?.value.toFixed(3));
    expect(table?.note).toContain("Over the tunings of seeds 1, 2.");
  });

  it("has other families of models with what merging keeps and saves, and controls", () => {
    const tables = studyTables(view);
    const families = tables.find(({ id }) => id === "families");
    expect(families?.rows.map(([model, task]) => `${model} ${task}`)).toEqual([
      "town calls",
      "town words",
      "<b>other</b> calls",
    ]);
    expect(families?.rows[0]?.[7]).toMatch(/^[-+]0\.\d{3} \([-+]0\.\d{3} to [-+]0\.\d{3}; 24 items\)$/);
    const controls = tables.find(({ id }) => id === "controls");
    expect(controls?.rows).toEqual([
      ["town", "calls", "the random direction", "equal score", "-0.100 (-0.200 to -0.010)", "0.0400", "24"],
    ]);
    expect(controls?.reasons).toEqual(["town, calls: At equal score the merge loses fewer."]);
  });

  it("has a figure for each safety set apart, and one of the score", () => {
    const groups = studyFigures(view);
    expect(groups.map(({ id, figures }) => `${id} ${figures.length}`)).toEqual([
      "set-advbench 3",
      "set-hexphi 3",
      "score 3",
      "axis-skill-sums 3",
    ]);
    const [first] = groups[0]?.figures ?? [];
    expect(first?.title).toContain("town, calls: ASR, advbench over lambda");
    const rate = view.cells[0]?.validation.tuned.sets.advbench?.value ?? Number.NaN;
    expect(first?.alternative).toContain(`${rate.toFixed(2)} at 1`);
    const ids = groups.flatMap(({ figures }) => figures.map(({ id }) => id));
    expect(new Set(ids).size).toBe(12);
  });

  it("is one page that loads nothing, with every identifier once and every text escaped", () => {
    const page = studyHtml(view);
    expect(page).not.toMatch(/<script|<b>|src=|href="(?!#|data:)/);
    const ids = page.match(/ id="[^"]+"/g) ?? [];
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target = ""] of page.matchAll(/(?:href="#|aria-labelledby=")([^"]+)"/g)) {
      expect(ids).toContain(` id="${target}"`);
    }
  });

  it("has the same tables in Markdown, and says what is missing", () => {
    const notes = ["Not measured yet: words, town."];
    const text = studyMarkdown({ ...view, notes });
    for (const { caption } of studyTables(view))
      expect(text).toContain(`## ${caption.replace(/[<>]/g, (one) => (one === "<" ? "&lt;" : "\\>"))}`);
    expect(text).toContain("- Not measured yet: words, town.");
  });

  it("chooses and confirms by skills, as a run does, from the values of study.json", () => {
    const of = (gate: string) =>
      viewOf(studyWith(cellWith({ seeds: [1], items: numbers(80) }, { rule: { rule: "score", gate } })));
    const [kept] = of("keep .2 of sums").cells;
    expect(kept?.selection.verdicts.every(({ gate }) => gate?.[0]?.skill === "sums")).toBe(true);
    expect(kept?.merged?.skills?.sums?.values?.[0]).toHaveLength(80);
    expect(kept?.confirmation).toMatchObject({ gate: { text: "keep .2 of sums" } });
    expect(of("keep 1 of sums").cells[0]?.selection.overall.candidate).toBeNull();
  });

  it("shows a study of an earlier version, which knows no skills", async () => {
    const study = JSON.parse(JSON.stringify(studyWith(cellWith({ seeds: [1], items: numbers(8) }))));
    for (const cell of study.cells) {
      for (const part of [cell.validation, cell.test]) {
        delete part.items.skills;
        for (const { values } of part.models.flatMap(({ rows }: { rows: { values: object }[] }) => rows))
          delete values.skills;
      }
    }
    const folder = mkdtempSync(join(tmpdir(), "retemper-older-study-"));
    writeFileSync(join(folder, "study.json"), JSON.stringify(study));
    const read = await readStudyResults(folder);
    expect(viewOf(read).cells[0]?.test.aligned.skills).toBeUndefined();
    rmSync(folder, { recursive: true });
  });
});
