// The page of `retemper play` in a real browser, over the real server and the demo's models: what a reader does with it. Pictures are
// kept in build/screenshots.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openModel } from "../../lib/generate/openModel.js";
import type { Model } from "../../lib/generate/types.js";
import type { PlayOptions } from "../../lib/play/playOptions.js";
import { playPage } from "../../lib/play/playPage.js";
import type { PlayCandidate, PlayResults } from "../../lib/play/types.js";
import type { ServeOptions } from "../../lib/serve/options.js";
import { type ModelServer, serve } from "../../lib/serve/serve.js";
import { modelFolder } from "../golden/generate/modelFolders.js";
import { casesOf, long } from "../long.js";
import { demoAdapter, demoModel, root, temporaryFolder } from "./command.js";
import { type GatedProxy, gatedProxy } from "./gatedProxy.js";
import { CLIPPED, LOW_CONTRAST } from "./reportScripts.js";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = places.find((place) => existsSync(place));
const folder = temporaryFolder();
const pictures = join(root, "build", "screenshots");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOCK = "How might my friend unlock the chained chest on Wednesday?";
const PROMPTS = readFileSync(join(root, "demo/unsafe.jsonl"), "utf8")
  .trim()
  .split("\n")
  .slice(0, 50)
  .map((line) => (JSON.parse(line) as { prompt: string }).prompt);
const recipe = {
  merge_method: "linear",
  models: [{ model: demoModel }, { model: `${demoModel}+${demoAdapter}` }],
};

describe.skipIf(executablePath === undefined)("the page of play in Chromium", { timeout: 120_000 }, () => {
  let browser: Browser;
  let model: Model;
  const closing: (() => unknown)[] = [];
  const town = () => openModel(recipe, { engine: "native", lambdas: [0, 0.4, 1] });

  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true });
    const args = ["--no-sandbox", "--host-resolver-rules=MAP stranger.test 127.0.0.1"];
    [browser, model] = await Promise.all([chromium.launch({ executablePath: executablePath as string, args }), town()]);
  }, 60_000);
  afterAll(() => Promise.all([browser?.close(), model?.close()]));
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serving(options: PlayOptions = {}, of = model, more: ServeOptions = {}): Promise<ModelServer> {
    const part = await playPage({ source: recipe, prompts: PROMPTS, ...options });
    const server = await serve(of, { port: 0, name: "town", graceMs: 0, parts: [part], ...more });
    closing.push(() => server.close());
    return server;
  }

  async function proxied(server: ModelServer): Promise<GatedProxy> {
    const proxy = await gatedProxy(server.url);
    closing.push(() => proxy.close());
    return proxy;
  }

  /** A page with all that it complains about: scripts' errors, and what its policy forbids. */
  async function open(url: string, options: BrowserContextOptions = {}) {
    const page = await browser.newPage({ viewport: { width: 1120, height: 900 }, ...options });
    closing.push(() => page.close());
    const complaints: string[] = [];
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.addInitScript(
      "addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective));",
    );
    await page.goto(url);
    return { page, complaints };
  }

  const ask = async (page: Page, prompt = LOCK) => {
    await page.getByRole("textbox", { name: "Prompt" }).fill(prompt);
    await page.getByRole("button", { name: "Ask" }).click();
  };
  const said = (page: Page, words: string) => page.locator(".said", { hasText: words }).waitFor();
  const answersIn = (page: Page) => page.locator(".answer").allTextContents();
  const alone = async (prompt: string, lambda: number, maxNewTokens = 64) => {
    const asked = model.generate([[{ role: "user", content: prompt }]], { lambda, maxNewTokens, temperature: 0 });
    for await (const { text } of asked) return text;
    return undefined;
  };
  const eachAlone = (lambdas: readonly number[], prompt = LOCK) =>
    Promise.all(lambdas.map((lambda) => alone(prompt, lambda)));

  it("is three files of less than 100 KB that name no other", async () => {
    const files = ["index.html", "app.js", "app.css"].map((name) => readFileSync(join(root, "dist/play/page", name)));
    expect(files.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(100_000);
    const [html = "", script = "", style = ""] = files.map(String);
    expect([...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, to]) => to)).toEqual(["data:,", "app.css", "app.js"]);
    expect(html).not.toMatch(/<style|style=|<script(?! type="module" src=)|\son\w+=/);
    expect(script).not.toMatch(/\bimport\b|\beval\(|new Function/);
    expect(style).not.toMatch(/url\(|@import/);
  });

  it("answers at 0, .4 and 1 side by side, says where they part and how probable a refusal is, and complains of nothing", async () => {
    const server = await serving();
    const { page, complaints } = await open(`${server.url}/play/`);
    await ask(page);
    await said(page, "3 answers are complete.");
    expect(await answersIn(page)).toEqual(await eachAlone([0, 0.4, 1]));
    expect(await page.locator(".parting").last().textContent()).toMatch(/^Parts from the first column at token \d+: /);
    expect(await page.locator(".verdict").first().textContent()).toMatch(/refus/);
    await page.locator("figure .refusal").first().waitFor({ state: "attached" });
    await page.getByText("As a table").click();
    expect(await page.locator(".strip tbody tr").count()).toBe(21);

    await page.getByText("As a table").click();
    await page.locator(".answer").last().focus();
    await page.keyboard.press("ArrowRight");
    const likely = page.locator(".card");
    expect(await likely.locator("tr").count()).toBe(5);
    expect(await likely.textContent()).toContain("%");
    await page.screenshot({ path: join(pictures, "play-desktop.png"), fullPage: true }); // docs/play.png is one of these
    await page.keyboard.press("Escape");
    expect(await likely.count()).toBe(0);
    await page.locator(".answer").last().locator("span").nth(2).hover();
    expect(await likely.textContent()).toContain("Token 3");
    await page.mouse.move(0, 0);
    await likely.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });

  it.each(casesOf<"light" | "dark">(["light", "dark"], ["dark"]))(
    "has no fault that axe knows, and fits a phone (%s)",
    async (colorScheme) => {
      const server = await serving({ results: RESULTS, set: join(folder, "fits.jsonl") });
      const { page, complaints } = await open(`${server.url}/play/`, { colorScheme });
      await ask(page);
      await said(page, "3 answers are complete.");
      await page.locator("figure .refusal").first().waitFor({ state: "attached" });
      await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 844 });
        await page.screenshot({ path: join(pictures, `play-${colorScheme}-${width}.png`), fullPage: true });
        expect(await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")).toEqual([width, width]);
        expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
        expect(await page.evaluate(CLIPPED)).toEqual([]);
        expect(await violationsOf(page)).toEqual([]);
      }
      expect(complaints).toEqual([]);
    },
  );

  it("asks again for the column whose slider moves while all are written; the others go on", async () => {
    const proxy = await proxied(await serving());
    const { page } = await open(proxy.url);
    proxy.hold(6); // two tokens of each
    await ask(page);
    await page.locator(".state", { hasText: "2 tokens …" }).last().waitFor();
    const slider = page.getByRole("slider", { name: "lambda of column 3" });
    for (const value of ["0.7", "0.75", "0.8"]) await slider.fill(value);
    proxy.hold(Number.POSITIVE_INFINITY); // what is asked from now on passes, what is held stays held
    await page.locator(".state", { hasText: "then it ended" }).last().waitFor();
    expect(proxy.asked.map(({ points }) => points)).toEqual([
      [0, 0.4, 1].map((lambda) => ({ lambda })),
      [{ lambda: 0.8 }],
    ]);
    expect(await page.locator(".state", { hasText: "2 tokens …" }).count()).toBe(2);
    proxy.release();
    await said(page, "complete");
    expect(await answersIn(page)).toEqual(await eachAlone([0, 0.4, 0.8]));
    expect(proxy.left).toBe(0);
  });

  it.runIf(long)("stops, keeps what has come, and asks again", async () => {
    const proxy = await proxied(await serving());
    const { page } = await open(proxy.url);
    proxy.hold(6);
    await ask(page);
    await page.locator(".state", { hasText: "2 tokens …" }).last().waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await said(page, "Stopped.");
    await expect.poll(() => proxy.left).toBe(1);
    const whole = await eachAlone([0, 0.4, 1]);
    const kept = await answersIn(page);
    for (const [at, text] of kept.entries()) expect(whole[at]?.startsWith(text) && text !== "").toBe(true);
    expect(await page.locator(".state", { hasText: "Stopped after 2 tokens." }).count()).toBe(3);
    proxy.release();
    await page.getByRole("button", { name: "Ask" }).click();
    await said(page, "3 answers are complete.");
    expect(await answersIn(page)).toEqual(whole);
  });

  it.runIf(long)("answers at nine lambdas at once, out of one request; columns come and go", async () => {
    const proxy = await proxied(await serving());
    const { page } = await open(proxy.url);
    await page.getByRole("textbox", { name: "Prompt" }).fill(LOCK);
    await page.getByRole("button", { name: "9 lambdas at once" }).click();
    await said(page, "9 answers are complete.");
    const nine = Array.from({ length: 9 }, (_, at) => at / 8);
    expect(proxy.asked.map(({ points }) => points)).toEqual([nine.map((lambda) => ({ lambda }))]);
    expect(await answersIn(page)).toEqual(await eachAlone(nine));
    expect(await page.getByRole("button", { name: "Add a column" }).isDisabled()).toBe(true);
    await page.screenshot({ path: join(pictures, "play-nine.png"), fullPage: true });
    await page.getByRole("button", { name: "Remove column 9" }).click();
    expect(await page.evaluate("document.activeElement.id")).toBe("answers");
    await page.getByRole("button", { name: "Add a column" }).click();
    await said(page, "The answer is complete.");
    expect(proxy.asked.at(-1)?.points).toEqual([{ lambda: 1 }]);
    expect(await answersIn(page)).toEqual(await eachAlone(nine));
  });

  it.runIf(long)("has a slider for each adapter where a recipe has weights by name", async () => {
    const adapters = [42, 1024].map((seed) => ({
      model: `${demoModel}+${join(root, `demo/adapters/seed-${seed}`)}`,
      parameters: { weight: 0.5 },
    }));
    const weighed = await openModel(
      { merge_method: "task_arithmetic", base_model: demoModel, models: adapters },
      { engine: "native" },
    );
    closing.push(() => weighed.close());
    const { page, complaints } = await open(`${(await serving({ source: undefined }, weighed)).url}/play/`);
    await page.getByRole("slider", { name: "weight of seed-1024, column 1" }).fill("0.3");
    await ask(page);
    await said(page, "3 answers are complete.");
    const weights = [
      { "seed-42": 1, "seed-1024": 0.3 },
      { "seed-42": 0, "seed-1024": 1 },
      { "seed-42": 0.5, "seed-1024": 0.5 },
    ];
    const expected: string[] = [];
    for await (const { text } of weighed.generate([[{ role: "user", content: LOCK }]], { weights, temperature: 0 })) {
      expected.push(text);
    }
    expect((await answersIn(page)).sort()).toEqual(expected.sort());
    expect(await page.locator(".strip").count()).toBe(0);
    expect(await page.getByRole("button", { name: "This recipe" }).count()).toBe(0); // none was given
    expect(complaints).toEqual([]);
  });

  it.runIf(long)("goes through 50 prompts by keyboard, and back to what the reader wrote", async () => {
    const proxy = await proxied(await serving());
    const { page, complaints } = await open(proxy.url);
    const field = page.getByRole("textbox", { name: "Prompt" });
    expect(await field.inputValue()).toBe(PROMPTS[0]); // and asks nothing by itself
    await page.getByText("1 of 50", { exact: true }).waitFor();
    expect(proxy.asked).toEqual([]);
    await field.fill("My own words");
    for (const [at, prompt] of PROMPTS.entries()) {
      await field.press("Alt+PageDown");
      expect(await field.inputValue()).toBe(prompt);
      await page.getByText(`${at + 1} of 50`, { exact: true }).waitFor();
      if (at % 10 === 9) await expect.poll(() => proxy.asked.at(-1)?.messages[0]?.content).toBe(prompt);
    }
    await said(page, "3 answers are complete.");
    expect(await answersIn(page)).toEqual(await eachAlone([0, 0.4, 1], PROMPTS[49]));
    for (let at = 0; at < 50; at++) await page.getByRole("button", { name: "Previous prompt" }).click();
    expect(await field.inputValue()).toBe("My own words");
    expect(complaints).toEqual([]);
  });

  it.runIf(long)("answers two tabs at once, each its own question", async () => {
    const server = await serving();
    const tabs = await Promise.all([0, 1].map(() => open(`${server.url}/play/`)));
    await Promise.all(tabs.map(({ page }, at) => ask(page, PROMPTS[at])));
    for (const [at, { page }] of tabs.entries()) {
      await said(page, "3 answers are complete.");
      expect(await answersIn(page)).toEqual(await eachAlone([0, 0.4, 1], PROMPTS[at]));
    }
  });

  it("says in words what does not work: a lambda outside of the range, a dead model, a server that has ended", async () => {
    const mortal = await town();
    const server = await serving({}, mortal);
    const proxy = await proxied(server);
    const { page } = await open(proxy.url);
    await page.getByRole("spinbutton", { name: "lambda of column 2" }).fill("7");
    proxy.hold(4);
    await ask(page);
    const alert = page.getByRole("alert");
    await alert.filter({ hasText: "Lambda 7 is outside of this recipe's range, 0 to 1" }).waitFor();
    await page.locator(".state", { hasText: "2 tokens …" }).last().waitFor(); // the others are asked all the same
    const before = await answersIn(page);
    proxy.release();
    await said(page, "2 answers are complete.");
    await mortal.close();
    await page.getByRole("button", { name: "Ask" }).click();
    await alert.filter({ hasText: "The model was closed" }).waitFor();
    const kept = await answersIn(page);
    for (const [at, text] of before.entries()) expect(kept[at]?.startsWith(text)).toBe(true);
    await server.close();
    await page.getByRole("button", { name: "Ask" }).click();
    await alert.filter({ hasText: /does not answer|refused with status/ }).waitFor();
    expect(await answersIn(page)).toEqual(kept);
    expect(await page.getByRole("textbox", { name: "Prompt" }).inputValue()).toBe(LOCK);
  });

  it.runIf(long)("keeps what came of an answer that the server breaks off", async () => {
    const server = await serving();
    const proxy = await proxied(server);
    const { page } = await open(proxy.url);
    proxy.hold(6);
    await ask(page);
    await page.locator(".state", { hasText: "2 tokens …" }).last().waitFor();
    proxy.close();
    await page.getByRole("alert").filter({ hasText: "stopped in the middle" }).waitFor();
    expect(await page.locator(".state", { hasText: "Broke off after 2 tokens." }).count()).toBe(3);
  });

  it.runIf(long)("shows what a template says when it throws", async () => {
    const template = "{{ raise_exception('this town speaks of bread only') }}";
    const throwing = await openModel(modelFolder("llama", { files: { "chat_template.jinja": template } }), {
      engine: "native",
    });
    closing.push(() => throwing.close());
    const { page } = await open(`${(await serving({}, throwing)).url}/play/`);
    await ask(page);
    await page.getByRole("alert").filter({ hasText: "this town speaks of bread only" }).waitFor();
  });

  it.runIf(long)("asks for the key where there is one, and keeps it out of the page's files and storage", async () => {
    const proxy = await proxied(await serving({}, model, { apiKey: "open sesame" }));
    const { page } = await open(proxy.url);
    for (const key of ["wrong", "open sesame"]) {
      await page.getByLabel("Key of this server").fill(key);
      await page.getByRole("button", { name: "Go on" }).click();
      if (key === "wrong") await page.getByRole("alert").filter({ hasText: "The API key is wrong" }).waitFor();
    }
    await ask(page);
    await said(page, "3 answers are complete.");
    expect(await page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")).toEqual([0, 0, ""]);
  });

  it("says of a key that cannot be sent what is wrong with it, and takes another", async () => {
    const { page, complaints } = await open(`${(await serving({}, model, { apiKey: "sesame" })).url}/play/`);
    for (const [key, words] of [
      ["сезам", "This key cannot be right: it has a letter or a sign that cannot be sent"],
      ["sésame", "The API key is wrong"],
    ] as const) {
      await page.getByLabel("Key of this server").fill(key);
      await page.getByRole("button", { name: "Go on" }).click();
      await page.getByRole("alert").filter({ hasText: words }).waitFor();
    }
    await page.getByLabel("Key of this server").fill("sesame");
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByRole("textbox", { name: "Prompt" }).waitFor();
    expect(complaints.filter((one) => !one.includes("401"))).toEqual([]);
  });

  it("says that a reply was cut, whichever it was, and goes on", async () => {
    const { page, complaints } = await open("about:blank");
    const cut = async (name: string) => {
      await page.route(`**/play/api/${name}`, async (route) => {
        const reply = await route.fetch();
        const text = await reply.text();
        await route.fulfill({ response: reply, body: text.slice(0, text.length / 2) });
      });
    };
    const told = page.getByRole("alert").filter({ hasText: "stopped in the middle of its answer" });
    await cut("facts");
    await page.goto(`${(await serving()).url}/play/`);
    await told.waitFor();
    await page.unrouteAll();
    await page.getByRole("button", { name: "Try again" }).click();
    for (const name of ["refusals", "verdicts"]) {
      await cut(name);
      await ask(page);
      await told.waitFor();
      await page.unrouteAll();
      await ask(page);
      await told.waitFor({ state: "detached" });
    }
    await page.locator("figure .refusal").first().waitFor({ state: "attached" });
    expect(await answersIn(page)).toEqual(await eachAlone([0, 0.4, 1]));
    expect(complaints).toEqual([]);
  });

  it.runIf(long)("is refused by another name of this machine", async () => {
    const server = await serving();
    const page = await browser.newPage();
    closing.push(() => page.close());
    const reply = await page.goto(`${server.url.replace("127.0.0.1", "stranger.test")}/play/`);
    expect(reply?.status()).toBe(403);
    expect(await page.locator("#prompt").count()).toBe(0);
  });

  it.runIf(long)("gives the recipe at the lambda that is shown, and adds the prompt to the set", async () => {
    const set = join(folder, "set.jsonl");
    const server = await serving({ set });
    const { page } = await open(`${server.url}/play/`);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "This recipe at lambda 0.4" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("town-0.4.yml");
    expect(readFileSync(await download.path(), "utf8")).toContain("weight: 0.4");
    await page.getByRole("textbox", { name: "Prompt" }).fill(LOCK);
    for (const words of ["Added: set.jsonl has 1 prompt now.", "It was there already: set.jsonl has 1 prompt."]) {
      await page.getByRole("button", { name: "Measure this prompt" }).click();
      await said(page, words);
    }
    expect(JSON.parse(readFileSync(set, "utf8"))).toMatchObject({ prompt: LOCK });
  });

  it.runIf(long)(
    "opens a candidate of an experiment beside the aligned and the fine-tuned model, by Enter and by a click",
    async () => {
      const server = await serving({ results: RESULTS });
      const { page } = await open(`${server.url}/play/`);
      const titles = () => page.locator(".column h3").allTextContents();
      expect(await titles()).toEqual(["alignedlambda 0", "linear 0.4lambda 0.4", "fine-tunedlambda 1"]);
      await ask(page);
      await said(page, "3 answers are complete.");
      await page.getByRole("button", { name: /^linear 0.8.*Attack success rate/ }).focus();
      await page.keyboard.press("Enter");
      await page.locator(".column h3", { hasText: "linear 0.8" }).waitFor();
      await said(page, "3 answers are complete.");
      expect(await answersIn(page)).toEqual(await eachAlone([0, 0.8, 1]));
      await page.getByRole("button", { name: /^linear 0.2.*calls/ }).click();
      await page.locator(".column h3", { hasText: "linear 0.2" }).waitFor();
    },
  );

  /** What axe finds, by rule and place. */
  async function violationsOf(page: Page): Promise<string[]> {
    await page.evaluate(axe);
    const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
      readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
    };
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
  }
});

function candidate(label: string, lambda: number, asr: number, score: number): PlayCandidate {
  const around = (value: number) => ({ value, low: Math.max(0, value - 0.08), high: Math.min(1, value + 0.08) });
  const measured = { attackSuccessRate: around(asr), task: { name: "calls", ...around(score) } };
  return { label, point: { lambda }, chosen: label === "linear 0.4", ...measured };
}

const RESULTS: PlayResults = {
  ...{ title: "The toy town", x: "lambda" },
  candidates: [0.2, 0.4, 0.6, 0.8].map((lambda) => candidate(`linear ${lambda}`, lambda, lambda ** 2, lambda ** 0.5)),
  aligned: candidate("aligned", 0, 0.01, 0.05),
  fineTuned: candidate("fine-tuned", 1, 0.9, 0.97),
};
