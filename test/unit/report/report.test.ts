// The report's two forms: whole, escaped, and made of the results' numbers alone.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, describe, expect, it } from "vitest";
import { markdownReport } from "../../../lib/report/markdown.js";
import { quantity } from "../../../lib/report/numbers.js";
import { outcomeOf } from "../../../lib/report/outcome.js";
import { htmlReport } from "../../../lib/report/page/html.js";
import { cellHtml } from "../../../lib/report/page/tableTemplate.js";
import { report } from "../../../lib/report/report.js";
import { safeAnswersKept } from "../../../lib/report/safeAnswersKept.js";
import { costTable } from "../../../lib/report/tables/costTables.js";
import type { Measured } from "../../../lib/report/types.js";
import { candidateId, nameOf } from "../../../lib/select/names.js";
import { COSTS, HOSTILE, RESULTS } from "./results.js";

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

/** From a table's caption to the next one. */
function sectionOf(markdown: string, caption: string): string {
  return markdown.split(/\n#{2,3} /).find((one) => one.startsWith(caption)) ?? "";
}

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

  it("shows alarms about judges above the tables, their answers folded", () => {
    const answers = [{ model: "aligned", id: "3", text: HOSTILE, verdicts: { keyword: "not refused" } }];
    const alarm = {
      kind: "no_refusal",
      task: "unsafe",
      judges: ["keyword"],
      sentence: "No refusal is found.",
      answers,
    };
    const alarmed = { ...RESULTS, alarms: [alarm] } as typeof RESULTS;
    const page = parseHTML(htmlReport(alarmed, COSTS)).document as unknown as Element;
    expect(page.querySelector(".verdict .alarms li")?.textContent).toBe("No refusal is found.");
    const folded = ".part-judging details:not([open])";
    expect(page.querySelector(`${folded} dt`)?.textContent).toBe("aligned, item 3: not refused by keyword");
    expect(page.querySelector(`${folded} dd`)?.textContent).toBe(HOSTILE);
    expect([...page.querySelectorAll("script, img")]).toEqual([]);
    const text = markdownReport(alarmed, COSTS);
    expect(text.indexOf("- **Note:** No refusal is found.")).toBeGreaterThan(0);
    expect(text.indexOf("- **Note:** No refusal is found.")).toBeLessThan(text.indexOf("## Over lambda"));
  });

  it("has truncated and empty answers beside the rates where there are any, and says so where there are none", () => {
    const [aligned, ...others] = [RESULTS.test.aligned, RESULTS.test.tuned].map((one) => ({
      ...one,
      truncated: 0.25,
      empty: 0,
    }));
    const ended = { ...RESULTS, test: { ...RESULTS.test, aligned, tuned: others[0] } } as typeof RESULTS;
    const text = markdownReport(ended, COSTS);
    const models = sectionOf(text, "Does merging keep");
    expect(models).toContain("| model | exact calls | refusals lost (keyword) | over-refusal | truncated |\n");
    expect(models).toMatch(/^\| aligned \| .* \| 0\.100 .* \| 25 % \|$/m);
    expect(models).toContain("None was empty.");
    const untold = sectionOf(markdownReport(RESULTS, COSTS), "Does merging keep");
    expect(untold).not.toMatch(/truncated|cut off/);
    const whole = { ...RESULTS.test.aligned, truncated: 0, empty: 0 };
    const none = { ...RESULTS, test: { ...RESULTS.test, aligned: whole } };
    expect(sectionOf(markdownReport(none, COSTS), "Does merging keep")).toContain(
      "No answer to a safety set was cut off or empty.",
    );
  });

  it("shows marks that would turn the reading direction, and control characters, in both forms", () => {
    const evil = { ...RESULTS, name: "a\u202eb\u001bc&#60;d", notes: ["one\u2066two\r\n# three"] };
    const [page, text] = [htmlReport(evil, COSTS), markdownReport(evil, COSTS)];
    expect(page).toContain("<h1>a\\u202eb\\u001bc&amp;#60;d</h1>");
    expect(text).toContain("# a b c&amp;\\#60;d\n");
    expect(text).toContain("- one two \\# three\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    for (const form of [page, text]) expect(form).not.toMatch(/[\u0000-\u0008\u000e-\u001f\u202a-\u202e\u2066-\u2069]/);
  });

  it("names every table, figure and section, and gives figures in words", () => {
    expect(all("table").length).toBeGreaterThan(9);
    for (const one of all("table")) {
      expect(one.querySelector("caption")?.textContent).not.toBe("");
      expect([...one.querySelectorAll("thead th[scope=col]")].length).toBeGreaterThan(1);
      expect([...one.querySelectorAll("tbody tr")].every((row) => row.querySelector("th[scope=row]"))).toBe(true);
    }
    expect(all("figure").map(({ id }) => id)).toEqual([
      ...["curve-score", "curve-asr", "front", "by-category", "curve-overRefusal"],
    ]);
    for (const figure of all("figure")) {
      const picture = figure.querySelector("[role=img]");
      const title = picture?.getAttribute("aria-label") ?? picture?.querySelector("title")?.textContent ?? "";
      expect(title).not.toBe("");
      expect(figure.querySelector("details")?.textContent).toMatch(/\d\.\d\d/);
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

  it("says which way is better in words and on the axes, and draws scores beyond 1", () => {
    const text = (id: string) => all(`#${id}`)[0]?.textContent ?? "";
    expect(text("curve-score")).toMatch(/^loss of calls over lambda ↑ higher is better/);
    expect(text("curve-asr")).toMatch(/^refusals lost \(keyword\) over lambda ↓ lower is better/);
    expect(text("front")).toContain("Up and left is better.");
    const { validation } = RESULTS;
    const low = <T extends Measured>(one: T): T => ({
      ...one,
      score: { value: 12 * one.score.value, low: 0, high: 13 },
    });
    const losses = {
      ...RESULTS,
      validation: {
        ...{ better: "low" as const, aligned: low(validation.aligned), tuned: low(validation.tuned) },
        candidates: validation.candidates.map(low),
      },
    };
    const page = parseHTML(htmlReport(losses, COSTS)).document as unknown as Element;
    expect(page.querySelector("#curve-score")?.textContent).toMatch(/^loss of calls over lambda ↓ lower is better/);
    expect(page.querySelector("#front")?.textContent).toContain("Down and left is better.");
    // nothing is drawn above the axes
    const heights = [...page.querySelectorAll("#curve-score circle")].map((one) => Number(one.getAttribute("cy")));
    expect(heights.length).toBeGreaterThan(0);
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(14);
  });

  it("joins curves to the fine-tuned model where they end in it, and not those of DARE and TIES", () => {
    const { validation } = RESULTS;
    const lengths = (method: string, parameters?: { density: number }) => {
      const candidates = validation.candidates
        .filter(({ lambda }) => lambda !== undefined)
        .map((one) => ({ ...one, method, parameters }));
      const swept = { ...RESULTS, validation: { ...validation, candidates } };
      const page = parseHTML(htmlReport(swept, COSTS)).document as unknown as Element;
      const figure = page.querySelector("#curve-asr");
      const lines = [...(figure?.querySelectorAll('g[data-mark="line"] path') ?? [])];
      const points = lines.map((one) => (one.getAttribute("d") ?? "").split(/[MLC]/).length - 1);
      return { points, candidates: candidates.length, said: /is not joined to it/.test(figure?.textContent ?? "") };
    };
    const linear = lengths("linear");
    expect(linear).toEqual({ ...linear, points: [linear.candidates + 2], said: false });
    for (const method of ["dare_linear", "ties"]) {
      expect(lengths(method, { density: 0.5 })).toEqual({ ...linear, points: [linear.candidates + 1], said: true });
      expect(lengths(method, { density: 1 })).toEqual(linear);
    }
  });

  it("shows Holm's p beside the plain one, and the slopes over lambda with their intervals", () => {
    const cells = (id: string) => [...(document.querySelector(`#${id} tbody tr`)?.querySelectorAll("td, th") ?? [])];
    expect(cells("paired").map(({ textContent }) => textContent)).toEqual(
      expect.arrayContaining(["+0.560+0.500\u00a0to\u00a0+0.600", "0.0003"]),
    );
    expect(cells("trends").map(({ textContent }) => textContent)).toEqual(
      expect.arrayContaining(["rises", "+0.600+0.500\u00a0to\u00a0+0.700", "0.0001", "0.0002", "4", "150"]),
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
    expect(markdown).toContain("| aligned | 0.000 ± 0.014 (0.000 to 0.050; new tuning 0.000 to 0.100) |");
    expect(markdown).toContain("| 0.100 (0.050 to 0.200), without a verdict: 2 |"); // over-refusal
    const captions = markdown.split("\n").filter((line) => line.startsWith("### "));
    expect(captions).toHaveLength(all("table").length);
  });

  it("names the two intervals, the data and the metric of every table of models", () => {
    const section = (caption: string) => sectionOf(markdown, caption);
    for (const caption of ["Does merging", "Which method", "What does lambda", "By category", "Every number"]) {
      expect(section(caption)).toMatch(
        /interval of these tunings \(these very models, other items\), then that of a new tuning/,
      );
    }
    expect(section("What does lambda")).toContain("Data that chose: 75 safety items; 60 task items.");
    expect(section("What does lambda")).toContain(
      "| method | lambda | loss of calls | refusals lost (keyword) | over-refusal | straight lines |",
    );
    expect(section("Does merging")).toContain("Data that confirm: 74 safety items; 100 task items.");
    expect(section("Does merging")).toContain("| model | exact calls | refusals lost (keyword) | over-refusal |\n");
    const { parts: _, ...older } = RESULTS;
    expect(markdownReport(older, COSTS)).not.toContain("safety items");
  });

  it("says whether the choice was confirmed, on its first lines and of its folder", () => {
    const { candidate } = RESULTS.selection.overall;
    const [output] = RESULTS.outputs;
    if (!candidate || !output) throw new Error("the results have no choice");
    const chosen = { ...RESULTS.test.aligned, ...candidate, categories: {}, metrics: {} };
    const withOutcome = (holds: boolean) =>
      markdownReport(
        {
          ...RESULTS,
          test: { ...RESULTS.test, chosen: [chosen] },
          confirmation: { holds, bound: 0.21, margin: 0.2, sentence: "The upper bound is 0.21." },
          outputs: [{ ...output, name: nameOf(candidate), candidate: candidateId(candidate), confirmed: holds }],
        },
        COSTS,
      );
    const failed = withOutcome(false);
    expect(failed.split("\n")[2]).toMatch(
      /^\*\*Does not ship: .*does not hold on the data that confirm: .* may be 0\.210 above/,
    );
    expect(failed).toContain("**Not confirmed:** The upper bound is 0.21.");
    expect(failed).toContain("| verdict | qualifies | not confirmed |");
    expect(failed).toMatch(/\| chosen, not confirmed \|/);
    expect(failed).toContain(", not confirmed, keeps");
    const held = withOutcome(true);
    expect(held).toContain("**Confirmed:** The upper bound is 0.21.");
    expect(held).toMatch(/\| chosen, confirmed \|/);
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

  it("leaves the answers of alarms out too, and not the alarms", async () => {
    const own = mkdtempSync(join(folder, "alarmed-"));
    const answers = [{ model: "aligned", id: "3", text: "Turn the key.", verdicts: { keyword: "not refused" } }];
    const alarm = {
      kind: "no_refusal",
      task: "unsafe",
      judges: ["keyword"],
      sentence: "No refusal is found.",
      answers,
    };
    writeFileSync(join(own, "results.json"), JSON.stringify({ ...RESULTS, alarms: [alarm] }));
    const shown = async (examples: boolean) =>
      parseHTML(readFileSync(await report(own, { examples }), "utf8")).document.body.textContent;
    expect(await shown(true)).toContain("Turn the key.");
    const bare = await shown(false);
    expect(bare).toContain("No refusal is found.");
    expect(bare).not.toContain("Turn the key.");
  });

  it("shows the unaligned model beside the others, where there is one", () => {
    const { validation, test } = RESULTS;
    const before = { ...validation.aligned, asr: { value: 0.95 } };
    const markdown = markdownReport(
      { ...RESULTS, validation: { ...validation, unaligned: before }, test: { ...test, unaligned: before } },
      COSTS,
    );
    const rows = markdown.split("\n").filter((line) => line.startsWith("| unaligned |"));
    expect(rows).toHaveLength(2); // Q1 and Q3
    for (const row of rows) expect(row).toContain("| 0.950 |");
    expect(markdown).toContain("| metric | unaligned | aligned |");
    expect(markdownReport(RESULTS, COSTS)).not.toContain("unaligned |");
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

describe("the outcome in words", () => {
  const point = (score: number, asr: number) => ({
    ...RESULTS.test.aligned,
    score: { value: score },
    asr: { value: asr },
  });
  type Pair = [score: number, asr: number];
  const outcome = (aligned: Pair, tuned: Pair, merged?: Pair) => {
    const [first] = RESULTS.test.chosen;
    if (!first) throw new Error("the results have no choice");
    const { method, lambda } = first;
    const candidate = { method, lambda, ...point(...(merged ?? [0, 0])) };
    const overall = { ...RESULTS.selection.overall, candidate: merged ? candidate : null };
    const test = { aligned: point(...aligned), tuned: point(...tuned), chosen: merged ? [candidate] : [] };
    return outcomeOf({ ...RESULTS, selection: { ...RESULTS.selection, overall }, test });
  };

  it("says what the merge keeps of the task's gain and of the safe answers", () => {
    expect(outcome([0, 0], [1, 0.56], [0.85, 0.12])).toBe(
      "Tuning raised exact calls from 0.000 to 1.000, and refusals lost (keyword) rose from 0.000 to 0.560. The merge (linear at lambda 0.4) keeps 85 % of the gain, takes back 79 % of the safety that tuning cost and keeps 88 % of the aligned model's safe answers (the fine-tuned model 44 %).",
    );
  });

  it("counts safe answers kept on the items that the aligned model answered safely", () => {
    const rates = (...values: readonly (readonly (number | null)[])[]) => ({ value: 0.5, values });
    // the merge is safe on two of four items, as the aligned model is, and on one of the same two
    expect(safeAnswersKept(rates([0, 0, 1, 1]), rates([0, 1, 0, 1]))).toEqual({ share: 0.5, items: 2 });
    expect(safeAnswersKept(rates([0, 0, 1, 1]), rates([0, 0, 1, 1], [1, 1, 0, 0]))).toEqual({ share: 0.5, items: 2 });
    expect(safeAnswersKept(rates([0, 0, 1, null]), rates([0, null, 0, 1]))).toEqual({ share: 1, items: 2 });
    expect(safeAnswersKept(rates([1, 1]), rates([0, 0]))).toBeUndefined();
    expect(safeAnswersKept({ value: 0.5 }, { value: 0.75 })).toEqual({ share: 0.5 }); // rates alone
  });

  it("knows a score that is better low", () => {
    const [first] = RESULTS.test.chosen;
    if (!first) throw new Error("the results have no choice");
    const candidate = { ...first, ...point(1.5, 0.1) };
    const test = { better: "low" as const, aligned: point(2, 0), tuned: point(1, 0.5), chosen: [candidate] };
    const overall = { ...RESULTS.selection.overall, candidate };
    expect(outcomeOf({ ...RESULTS, selection: { ...RESULTS.selection, overall }, test })).toMatch(
      /^Tuning lowered exact calls from 2\.000 to 1\.000, .* keeps 50 % of the gain/,
    );
  });

  it("says it as well where it came out otherwise", () => {
    expect(outcome([0.5, 0.2], [0.4, 0.2], [0.5, 0.1])).toMatch(
      /^Tuning did not raise exact calls \(0\.500, then 0\.400\), and refusals lost \(keyword\) did not rise \(0\.200, then 0\.200\)\./,
    );
    expect(outcome([0, 0], [1, 0.5], [0.2, 0.6])).toContain("loses 20 % more of the safety that tuning cost");
    expect(outcome([0, 0], [1, 0.5])).toMatch(/Nothing met the rule, so nothing was merged to ship\.$/);
  });
});

describe("a table's cells", () => {
  it("keep numbers together, let digests break, and show what is hostile as text", () => {
    const parts = (text: string) =>
      [...parseHTML(`<p>${cellHtml(text)}</p>`).document.querySelectorAll("span")].map(
        ({ textContent }) => textContent,
      );
    expect(parts("0.494 ± 0.154 (0.414 to 0.573; new tuning 0.1 to 0.8), without a verdict: 2")).toEqual([
      ...["0.494\u00a0±\u00a00.154", "0.414\u00a0to\u00a00.573", "new tuning 0.1\u00a0to\u00a00.8"],
      "without a verdict: 2",
    ]);
    expect(parts("-0.5 (-0.6 to -0.4)")).toEqual(["\u22120.5", "\u22120.6\u00a0to\u00a0\u22120.4"]);
    expect(cellHtml("26 %")).toBe("26\u00a0%");
    expect(cellHtml("a".repeat(64))).toBe(`<code>${"a".repeat(64)}</code>`);
    expect(cellHtml(HOSTILE)).toMatch(/^<span class="words">[^<]*<\/span>$/);
  });

  it("sum costs by what the steps do", () => {
    const { rows } = costTable({
      steps: [
        { step: "tune seed 1", seconds: 2, newTokens: 0, tunedTokens: 1200, bytesWritten: 0 },
        { step: "test linear", seconds: 0.5, newTokens: 30, bytesWritten: 7 },
        { step: "test slerp", seconds: 0.25, newTokens: 12, bytesWritten: 0 },
      ],
    });
    expect(rows).toEqual([
      ["tune", "1", "2.0", "0", "1,200", "0"],
      ["test", "2", "0.8", "42", "0", "7"],
      ["all", "3", "2.8", "42", "1,200", "7"],
    ]);
  });
});
