// The page and the text of a search: every candidate in the picture, what is within the margin filled, the choices' coefficients by layer.

import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { livePage } from "../../../lib/report/page/livePage.js";
import { searchHtml } from "../../../lib/report/search/searchHtml.js";
import { searchText } from "../../../lib/report/search/searchText.js";
import { searchResults } from "./searchResults.js";

const results = searchResults();
const { document } = parseHTML(searchHtml(results));
const marks = (of: typeof document, width: string) => [...of.querySelectorAll(`#front .for-${width} g[data-mark=dot]`)];

describe("the page of a search", () => {
  it("draws every candidate, filled where it is within the margin, with its bound", () => {
    const within = results.candidates.filter(({ bound }) => bound <= results.rule.margin).length;
    for (const width of ["wide", "narrow"]) {
      const [hollow, filled, finalists, choices, ends] = marks(document, width).map(
        (group) => group.querySelectorAll("path, circle").length,
      );
      expect([hollow, filled]).toEqual([results.candidates.length - within, within]);
      expect([finalists, choices, ends]).toEqual([results.finalists.length, results.choices.length, 2]);
    }
    const titles = [...document.querySelectorAll("#front .for-wide g[data-mark=dot] title")];
    const [first] = results.candidates;
    expect(titles.map(({ textContent }) => textContent)).toContain(
      `the plain lambda 0: ${first?.score.toFixed(3)} at ${first?.asr.toFixed(3)}, bound ${first?.bound.toFixed(3)}`,
    );
  });

  it("has a heat map of layers and modules for each choice", () => {
    for (const { way } of results.choices) {
      const squares = document.querySelectorAll(`figure#coefficients-${way} [data-mark=cell] rect`);
      expect(squares.length).toBe(8); // four layers, two modules
    }
  });

  it("says what the text says: conclusion, choices, finalists, tests, costs", () => {
    const text = searchText(results);
    expect(text).toContain("The choice of the gradient and the plain lambda differ in the score");
    const tables = ["choices", "coefficients", "finalists", "tests", "costs"];
    for (const id of tables) {
      const table = document.querySelector(`table#${id}`);
      expect(text).toContain(`## ${table?.querySelector("caption .shown")?.textContent}`);
      expect(table?.querySelectorAll("tbody tr").length).toBeGreaterThan(0);
    }
    expect(document.querySelector("main")?.textContent).toContain("differ in the score");
  });

  it("escapes names, and draws a search in which nothing qualifies", () => {
    const page = searchHtml(searchResults("<img src=x onerror=alert(1)>", { choices: [], tests: [], best: undefined }));
    expect(page).not.toContain("<img");
    expect(page).toContain("Nothing qualifies");
    expect(parseHTML(page).document.querySelectorAll("#front").length).toBe(1);
  });

  it("shows the front as it grows", () => {
    const { labels, rule, candidates, aligned } = results;
    const page = livePage(
      {
        ...{ name: "A search", labels, state: "running", steps: ["lambda round 1"], candidates: [] },
        measured: { aligned: { ...aligned.search, categories: {}, metrics: {} } },
        search: { margin: rule.margin, points: candidates.slice(0, 20) },
      },
      1,
    );
    const dots = marks(parseHTML(page).document, "wide").slice(0, 2);
    expect(dots.reduce((sum, group) => sum + group.querySelectorAll("path, circle").length, 0)).toBe(20);
    expect(page).toContain("the plain lambda");
    expect(page).not.toContain("points at random");
  });
});
