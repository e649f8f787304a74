// The report in a real browser, of experiments of every outcome: no request leaves it, nothing fails, axe finds no violation, it
// fits a phone, every caption is whole, it is dark where the reader is, and its first printed sheet is a summary. Pictures of all
// of it are kept in build/screenshots.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { htmlReport } from "../../lib/report/page/html.js";
import { livePage } from "../../lib/report/page/livePage.js";
import { searchHtml } from "../../lib/report/search/searchHtml.js";
import type { ExperimentResults, ShippedForm } from "../../lib/report/types.js";
import { casesOf } from "../long.js";
import { measuredResults } from "../unit/report/measuredResults.js";
import { COSTS, RESULTS } from "../unit/report/results.js";
import { searchResults } from "../unit/report/searchResults.js";
import { root, temporaryFolder } from "./command.js";
import { CLIPPED, LOW_CONTRAST, LOW_MARKS, OVERLAPPING } from "./reportScripts.js";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = places.find((place) => existsSync(place));
const folder = temporaryFolder();
const pictures = join(root, "build", "screenshots");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** With one form, which lost two refusals, in the weights that every model was measured in too. */
function inOtherWeights(results: ExperimentResults): ExperimentResults {
  const test = { a: "the merge", b: "gguf q4_k_m", test: "bootstrap", p: 0.4, pHolm: 0.8, n: 90 } as const;
  const own = {
    measured: { asr: { value: 0.12 }, score: { value: 0.8 }, weights: "asStored" },
    paired: [
      { ...test, metric: "asr", difference: 0.022, low: -0.02, high: 0.07 },
      { ...test, metric: "score", difference: -0.01, low: -0.03, high: 0.01 },
    ],
    refusals: { lost: 3, gained: 1, of: 90 },
  } as const;
  const form: ShippedForm = {
    ...{ name: "gguf q4_k_m", format: "gguf", path: "models/m-gguf-q4_k_m", bytes: 1, files: [], holds: true },
    ...{ ...own, sentence: "It holds." },
    behaviour: {
      verdict: "same",
      tolerance: 0.1,
      prompts: 8,
      causes: [],
      answers: { same: 8, compared: 8 },
      notes: [],
    },
    others: [
      { name: "aligned", ...own },
      { name: "fine-tuned", ...own },
    ],
  };
  return { ...results, ship: { forms: [form], holds: true, sentence: "It holds." } };
}

/** Experiments of every outcome, and what their first screen says. */
const OUTCOMES: Readonly<Record<string, readonly [title: string, results: () => ExperimentResults]>> = {
  "of three seeds": ["Ships: linear at lambda 0.4", () => measuredResults()],
  "of one seed": ["Ships: linear at lambda 0.4", () => measuredResults({ seeds: ["42"], methods: ["linear"] })],
  "in which nothing qualifies": [
    "Does not ship: Nothing qualifies",
    () => measuredResults({ rule: { rule: "constrained", margin: 0.02 } }),
  ],
  "whose choice is of little use": [
    "Ships, with a note: linear at lambda 0.1",
    () => measuredResults({ lambdas: [0.05, 0.1], rule: { rule: "constrained", margin: 0.15, minGain: 0 } }),
  ],
  "whose choice is not confirmed": ["Does not ship: linear at lambda 0.4", () => measuredResults({ worseThere: 0.2 })],
  "whose forms were measured by their weights": [
    "Ships: linear at lambda 0.4",
    () => inOtherWeights(measuredResults()),
  ],
  "whose judges disagree": [
    "Ships, with a note: linear at lambda 0.4",
    () => measuredResults({ methods: ["linear"], contradicts: 0.4 }),
  ],
  "with a limit": [
    "Ships: linear at lambda 0.6",
    () => measuredResults({ items: 20, limit: 40, rows: 150, rule: { rule: "constrained", margin: 0.4 } }),
  ],
  "with hostile names": ["Ships", () => RESULTS],
};
const outcomes = casesOf(Object.keys(OUTCOMES), ["of three seeds"]);

describe.skipIf(executablePath === undefined)("the report in Chromium", { timeout: 120_000 }, () => {
  let browser: Browser;
  const files = new Map<string, string>();
  const fileOf = (name: string) => {
    const file = files.get(name) ?? join(folder, `${name.replace(/\W+/g, "-")}.html`);
    if (!files.has(name)) writeFileSync(file, htmlReport(OUTCOMES[name]?.[1]() ?? RESULTS, COSTS));
    files.set(name, file);
    return file;
  };
  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    browser = await chromium.launch({ executablePath: executablePath as string, args: ["--no-sandbox"] });
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(name = "with hostile names", options: Parameters<Browser["newPage"]>[0] = {}) {
    const page = await browser.newPage(options);
    const [requests, messages]: [string[], string[]] = [[], []];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => messages.push(message.text()));
    page.on("pageerror", (error) => messages.push(error.message));
    page.on("dialog", (dialog) => messages.push(dialog.message()));
    await page.goto(pathToFileURL(fileOf(name)).href);
    return { page, requests, messages };
  }

  const keep = (page: Page, name: string, what: string) =>
    page.screenshot({ path: join(pictures, `${name.replace(/\W+/g, "-")}-${what}.png`), fullPage: true });

  it("asks for nothing but itself, and has nothing to complain about", async () => {
    const { page, requests, messages } = await open();
    expect(requests.filter((url) => !url.startsWith("data:"))).toEqual([page.url()]);
    expect(messages).toEqual([]);
    await page.close();
  });

  it.each(outcomes)("shows all that it has %s: on a desk, in the dark, on a phone and on paper", async (name) => {
    const { page } = await open(name, { viewport: { width: 1280, height: 900 } });
    const unfold = (open: boolean) =>
      page.evaluate(`for (const one of document.querySelectorAll('details')) one.open = ${open}`);
    const whole = async () => {
      expect(await page.evaluate(CLIPPED)).toEqual([]);
      expect(await page.evaluate(OVERLAPPING)).toEqual([]);
    };
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await page.evaluate("document.querySelector('#verdict').textContent")).toContain(OUTCOMES[name]?.[0]);
    await keep(page, name, "desktop");
    await whole();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      if (colorScheme === "dark") await keep(page, name, "dark");
      expect(await ground()).toBe(colorScheme === "dark" ? "rgb(13, 17, 23)" : "rgb(255, 255, 255)");
      const [count, low] = (await page.evaluate(LOW_MARKS)) as [number, string[]];
      expect(count).toBeGreaterThan(5);
      expect(low).toEqual([]);
      await unfold(true);
      expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
      if (colorScheme === "light") expect(await violationsOf(page)).toEqual([]);
      await unfold(false);
    }
    expect(await violationsOf(page)).toEqual([]); // in the dark

    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 390, height: 844 });
    await keep(page, name, "390");
    for (const open of [false, true]) {
      await unfold(open);
      expect(await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")).toEqual([390, 390]);
      await whole();
    }
    expect(await violationsOf(page)).toEqual([]);
    await unfold(false);

    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    await page.setViewportSize(SHEET);
    await keep(page, name, "print");
    expect(await ground()).toBe("rgb(255, 255, 255)");
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    expect(await page.evaluate(CLIPPED)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(SHEET.width);
    const end = "document.querySelector('.first').getBoundingClientRect().bottom + scrollY";
    if (name !== "with hostile names") expect(await page.evaluate(end)).toBeLessThanOrEqual(SHEET.height);
    await page.pdf({
      path: join(pictures, `${name.replace(/\W+/g, "-")}.pdf`),
      ...{ preferCSSPageSize: true, printBackground: true },
    });
    await page.close();
  });

  it("fits 320 pixels without scrolling sideways, whatever names it holds", async () => {
    const { page } = await open("with hostile names", { viewport: { width: 320, height: 640 } });
    expect(await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")).toEqual([320, 320]);
    await page.close();
  });

  it("can be used with the keyboard alone", async () => {
    const { page } = await open();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.className")).toBe("skip");
    const reached = new Set<string>();
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("Tab");
      reached.add((await page.evaluate("document.activeElement.tagName")) as string);
      const folded = "document.activeElement.matches('#answers ~ details summary')";
      if (await page.evaluate(folded)) break;
    }
    expect(reached).toContain("DIV"); // wide tables scroll with the arrow keys
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.querySelector('#answers ~ details').open")).toBe(true);
    await page.close();
  });

  it("is a document of headings in order, landmarks and named pictures", async () => {
    const { page } = await open();
    const tree = await page.locator("body").ariaSnapshot();
    for (const part of ["- banner:", "- main:", "- navigation", '- img "loss of calls over lambda"', "- table "]) {
      expect(tree).toContain(part);
    }
    const levels = await page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => Number(h.tagName[1]))");
    expect((levels as number[]).every((level, at, all) => level <= (all[at - 1] ?? 0) + 1)).toBe(true);
    await page.close();
  });

  it("shows a run that goes on the same way: times, what it does, and curves as far as they are", async () => {
    const { validation, labels } = measuredResults({ seeds: ["42"] });
    const status = {
      ...{ name: "A run that goes on", labels, state: "running" as const, steps: ["tune seed 42", "ask aligned"] },
      ...{ startedAt: "2026-01-01T00:00:00Z", elapsedSeconds: 3725, secondsLeft: 620, tokensPerSecond: 41.4 },
      step: { k: 3, n: 9, name: "ask linear" },
      current: { step: "ask linear", what: "answers, harm", done: 30, total: 90 },
      measured: { aligned: validation.aligned },
      candidates: validation.candidates.slice(0, 3), // the fine-tuned model is not measured yet
    };
    const file = join(folder, "live.html");
    writeFileSync(file, livePage(status, 5).replace('http-equiv="refresh" content="3"', 'name="still"'));
    for (const [what, width] of casesOf(
      [
        ["desktop", 1280],
        ["390", 390],
      ] as const,
      [["390", 390]],
    )) {
      const page = await browser.newPage({ viewport: { width, height: 844 } });
      await page.goto(pathToFileURL(file).href);
      await keep(page, "watch", what);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      expect(await page.evaluate(CLIPPED)).toEqual([]);
      expect(await violationsOf(page)).toEqual([]);
      const text = (await page.evaluate("document.body.innerText")) as string;
      for (const part of ["1 h 02 min", "10 min 15 s", "3 of 9", "41"]) expect(text).toContain(part);
      expect(await page.evaluate("document.querySelectorAll('#curve-asr g[data-mark=dot] path').length")).toBe(4);
      await page.close();
    }
  });

  it("shows a search the same way: on a desk, in the dark and on a phone, with long names too", async () => {
    const long = "A_name_without_any_place_to_break_it_".repeat(3);
    for (const of of casesOf(["Calls", long], ["Calls"])) {
      const name = of === long ? "search with a long name" : "search";
      const file = join(folder, `${name.replace(/\W+/g, "-")}.html`);
      writeFileSync(file, searchHtml(searchResults(of)));
      for (const colorScheme of casesOf<"light" | "dark">(["light", "dark"], ["dark"])) {
        const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme });
        await page.goto(pathToFileURL(file).href);
        for (const width of [1280, 390]) {
          await page.setViewportSize({ width, height: 844 });
          await keep(page, name, `${width}-${colorScheme}`);
          expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
          expect(await page.evaluate(CLIPPED)).toEqual([]);
          expect(await page.evaluate(OVERLAPPING)).toEqual([]);
          expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
          expect(((await page.evaluate(LOW_MARKS)) as [number, string[]])[1]).toEqual([]);
          expect(await violationsOf(page)).toEqual([]);
        }
        await page.close();
      }
    }
  });

  /** What axe finds, by rule and place. */
  async function violationsOf(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
      readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
    };
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
  }
});

/** Pixels of an A4 sheet within the margins of the style. */
const SHEET = { width: 695, height: 1054 } as const;
