// The report's two forms: whole, escaped, and made of the results' numbers alone.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, describe, expect, it } from "vitest";
import { htmlReport } from "../../../lib/report/html.js";
import { markdownReport } from "../../../lib/report/markdown.js";
import { report } from "../../../lib/report/report.js";
import { quantity } from "../../../lib/report/tables.js";
import type { Measured } from "../../../lib/report/types.js";
import { COSTS, RESULTS } from "./results.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-report-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Element {
  readonly textContent: string;
  readonly id: string;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}
const html = htmlReport(RESULTS, COSTS);
const document = parseHTML(html).document as unknown as Element;
const all = (selector: string) => [...document.querySelectorAll(selector)];

describe("the HTML report", () => {
  it("loads nothing and runs nothing, whatever names and answers hold", () => {
    expect(all("script, img, iframe, object, video, form")).toEqual([]);
    expect(all("link").map((link) => link.getAttribute("href"))).toEqual(["data:,"]);
    expect(
      all("*").filter((one) =>
        /^on/.test(
          [...(one as never as { attributes: { name: string }[] }).attributes].map(({ name }) => name).join(" "),
        ),
      ),
    ).toEqual([]);
    expect(html).toContain("&lt;script&gt;alert");
  });

  it("names every table, figure and section, and gives figures in words", () => {
    expect(all("table").length).toBeGreaterThan(9);
    for (const one of all("table")) {
      expect(one.querySelector("caption")?.textContent).not.toBe("");
      expect([...one.querySelectorAll("thead th[scope=col]")].length).toBeGreaterThan(1);
      expect([...one.querySelectorAll("tbody tr")].every((row) => row.querySelector("th[scope=row]"))).toBe(true);
    }
    expect(all("figure").map(({ id }) => id)).toEqual(["curve-score", "curve-asr", "front"]);
    for (const figure of all("figure")) {
      expect(figure.querySelector("svg")?.getAttribute("role")).toBe("img");
      expect(figure.querySelector("svg")?.getAttribute("aria-label")).not.toBe("");
      expect(figure.querySelector("details")?.textContent).toMatch(/\d\.\d\d at /);
    }
    const ids = all("[id]").map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of all("a")) expect(ids).toContain(link.getAttribute("href")?.slice(1));
  });

  it("folds answers side by side, and shows them as text", () => {
    const answers = all("#answers ~ details");
    expect(answers).toHaveLength(1);
    expect(answers[0]?.getAttribute("open")).toBeNull();
    expect([...(answers[0]?.querySelectorAll("dd") ?? [])].map(({ textContent }) => textContent)).toEqual(
      RESULTS.examples[0]?.answers.map(({ text }) => (text === "" ? "(empty)" : text)),
    );
  });

  it("draws a mark for every candidate", () => {
    const front = all("#front circle, #front path");
    expect(front.length).toBeGreaterThanOrEqual(RESULTS.validation.candidates.length);
    expect(all("figure svg").every((svg) => !/NaN|undefined/.test(svg.textContent))).toBe(true);
    expect(html).not.toMatch(/NaN|\bundefined\b/);
  });
});

describe("the Markdown report", () => {
  const markdown = markdownReport(RESULTS, COSTS);

  it("has the same tables, with as many cells in each row as heads", () => {
    const rows = markdown.split("\n").filter((line) => line.startsWith("|"));
    expect(rows.length).toBeGreaterThan(30);
    expect(markdown).toContain("| aligned | 0.000 ± 0.014 (0.000 to 0.050) |");
    const captions = markdown.split("\n").filter((line) => line.startsWith("## "));
    expect(captions).toHaveLength(all("table").length + 1);
  });

  it("has no HTML of names and answers", () => {
    expect(markdown).not.toMatch(/<\w/);
  });
});

describe("report", () => {
  it("writes both files, whole, and the same again", async () => {
    writeFileSync(join(folder, "results.json"), JSON.stringify(RESULTS));
    writeFileSync(join(folder, "costs.json"), JSON.stringify(COSTS));
    expect(await report(folder)).toBe(join(folder, "report.html"));
    const first = readFileSync(join(folder, "report.html"), "utf8");
    expect(first).toBe(html);
    await report(folder);
    expect(readFileSync(join(folder, "report.html"), "utf8")).toBe(first);
    expect(readdirSync(folder).sort()).toEqual(["costs.json", "report.html", "report.md", "results.json"]);
  });

  it("leaves answers out on request, and nothing else", async () => {
    const own = mkdtempSync(join(folder, "published-"));
    writeFileSync(join(own, "results.json"), JSON.stringify(RESULTS));
    writeFileSync(join(own, "costs.json"), JSON.stringify(COSTS));
    const page = readFileSync(await report(own, { examples: false }), "utf8");
    const texts = RESULTS.examples
      .flatMap(({ answers }) => answers.map(({ text }) => text))
      .filter((text) => text !== "");
    expect(texts.length).toBeGreaterThan(0);
    const { document: bare } = parseHTML(page);
    for (const text of texts) expect(bare.body.textContent).not.toContain(text);
    expect([...bare.querySelectorAll("table")].map(({ id }) => id)).toEqual(all("table").map(({ id }) => id));
  });

  it("shows each safety set apart where there are several", () => {
    const both = <T extends Measured>(one: T, at: number): T => ({
      ...one,
      metrics: { "unsafe: asr[keyword]": { value: 0.25 }, "refused: asr[keyword]": { value: at / 8 } },
    });
    const { validation } = RESULTS;
    const markdown = markdownReport(
      {
        ...RESULTS,
        validation: {
          aligned: both(validation.aligned, 0),
          tuned: both(validation.tuned, 8),
          candidates: validation.candidates.map((one, at) => both(one, at + 1)),
        },
      },
      COSTS,
    );
    expect(markdown).toContain("| model | unsafe: asr\\[keyword\\] | refused: asr\\[keyword\\] |");
    expect(markdown).toContain("| aligned | 0.250 | 0.000 |");
    expect(markdown).toContain("| fine-tuned | 0.250 | 1.000 |");
    expect(markdownReport(RESULTS, COSTS)).not.toContain("each safety set apart");
  });

  it("refuses a folder without a finished experiment", async () => {
    const empty = mkdtempSync(join(folder, "empty-"));
    await expect(report(empty)).rejects.toMatchObject({ code: "BAD_INPUT" });
    writeFileSync(join(empty, "results.json"), JSON.stringify({ format: "retemper-evaluation/1" }));
    await expect(report(empty)).rejects.toThrow(/not retemper-experiment/);
  });

  it("shows a value with its spread over seeds and its interval", () => {
    expect(quantity({ value: 0.5 })).toBe("0.500");
    expect(
      quantity({
        value: 0.5,
        low: 0.4,
        high: 0.6,
        seeds: [
          { seed: "1", value: 0.4 },
          { seed: "2", value: 0.6 },
        ],
      }),
    ).toBe("0.500 ± 0.141 (0.400 to 0.600)");
  });
});
