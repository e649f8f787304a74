// The report in a real browser: no request leaves it, nothing fails, it fits a phone, it is dark where the reader is, and
// its colours can be read.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { htmlReport } from "../../lib/report/page/html.js";
import { COSTS, RESULTS } from "../unit/report/results.js";
import { temporaryFolder } from "./command.js";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = places.find((place) => existsSync(place));
const file = join(temporaryFolder(), "report.html");
const skip = executablePath === undefined;

describe.skipIf(skip)("the report in Chromium", { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    writeFileSync(file, htmlReport(RESULTS, COSTS));
    browser = await chromium.launch({ executablePath: executablePath as string, args: ["--no-sandbox"] });
  }, 60_000);
  afterAll(() => browser?.close());

  interface Seen {
    readonly requests: string[];
    readonly messages: string[];
  }

  async function open(options: Parameters<Browser["newPage"]>[0] = {}): Promise<{ page: Page } & Seen> {
    const page = await browser.newPage(options);
    const [requests, messages]: [string[], string[]] = [[], []];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => messages.push(message.text()));
    page.on("pageerror", (error) => messages.push(error.message));
    page.on("dialog", (dialog) => messages.push(dialog.message()));
    await page.goto(pathToFileURL(file).href);
    return { page, requests, messages };
  }

  it("asks for nothing but itself, and has nothing to complain about", async () => {
    const { page, requests, messages } = await open();
    expect(requests.filter((url) => !url.startsWith("data:"))).toEqual([pathToFileURL(file).href]);
    expect(messages).toEqual([]);
    await page.close();
  });

  it("fits 320 pixels without scrolling sideways", async () => {
    const { page } = await open({ viewport: { width: 320, height: 640 } });
    const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
    expect(widths).toEqual([320, 320]);
    await page.close();
  });

  it.each(["light", "dark"] as const)("has text of enough contrast on %s ground", async (colorScheme) => {
    const { page } = await open({ colorScheme });
    const low = await page.evaluate(LOW_CONTRAST);
    expect(low).toEqual([]);
    const ground = (await page.evaluate("getComputedStyle(document.body).backgroundColor")) as string;
    expect(ground).toBe(colorScheme === "dark" ? "rgb(13, 17, 23)" : "rgb(255, 255, 255)");
    await page.close();
  });

  it.each(["light", "dark"] as const)("draws marks that can be told from %s ground", async (colorScheme) => {
    const { page } = await open({ colorScheme });
    const [count, low] = (await page.evaluate(LOW_MARKS)) as [number, string[]];
    expect(count).toBeGreaterThan(20);
    expect(low).toEqual([]);
    await page.close();
  });

  it("is printed in dark ink on white, within the paper, whatever the screen is", async () => {
    const { page } = await open({ colorScheme: "dark", viewport: { width: 680, height: 900 } });
    await page.emulateMedia({ media: "print" });
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(255, 255, 255)");
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(680);
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
});

/** Sums of light of colours, for both scripts below. */
const LIGHT = `
  const numbers = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const ratioOf = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + .05) / (b + .05);
  };`;

/** Marks of the figures and their key whose contrast with the page is below 3 (WCAG 2.2, 1.4.11), after how many there are. */
const LOW_MARKS = `(() => {${LIGHT}
  const ground = numbers(getComputedStyle(document.body).backgroundColor);
  const marks = [...document.querySelectorAll("figure g[aria-label=dot] :is(circle,path), .key :is(circle,path)")];
  const low = marks.flatMap((one) => {
    const { stroke, fill } = getComputedStyle(one);
    const ratio = ratioOf(numbers(stroke === "none" ? fill : stroke), ground);
    return ratio < 3 ? [one.outerHTML.slice(0, 80) + ratio.toFixed(2)] : [];
  });
  return [marks.length, low];
})()`;

/** Texts whose contrast with the ground behind them is below 4.5 (WCAG 2.2, 1.4.3). */
const LOW_CONTRAST = `(() => {${LIGHT}
  const groundOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = numbers(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("h1,h2,p,a,th,td,caption,figcaption,summary,dt,dd,li,strong,svg text")];
  return texts.filter((one) => one.textContent.trim() !== "").flatMap((one) => {
    const style = getComputedStyle(one);
    const colour = one.closest("svg") ? (style.fill === "none" ? style.color : style.fill) : style.color;
    const ratio = ratioOf(numbers(colour), groundOf(one));
    return ratio < 4.5 ? [one.tagName + " " + one.textContent.slice(0, 30) + " " + ratio.toFixed(2)] : [];
  });
})()`;
