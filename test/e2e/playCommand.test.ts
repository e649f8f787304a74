// `retemper play` as its users have it: a process that opens a page, and answers it until a signal stops it.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { openerOf } from "../../lib/cli/openBrowser.js";
import type { AnswerEvent, PlayFacts } from "../../lib/play/types.js";
import { answersOf, messages } from "../unit/play/pages.js";
import { demoAdapter, demoModel, jsonLines, root, run, start, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const recipe = join(folder, "town.yml");
writeFileSync(
  recipe,
  `merge_method: linear\nmodels:\n  - model: ${demoModel}\n  - model: ${demoModel}+${demoAdapter}\n`,
);
const LOCAL = ["--engine", "native", "--port", "0"];

async function playing(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const running = start(["play", ...args, ...LOCAL, "--json"], env);
  const event = JSON.parse(await running.line((line) => line.includes('"listening"'))) as { url: string; page: string };
  const headers = { authorization: `Bearer ${env.RETEMPER_SERVE_API_KEY ?? ""}` };
  const facts = (await (await fetch(`${event.page}api/facts`, { headers })).json()) as PlayFacts;
  return { ...running, ...event, facts };
}

describe("retemper play", () => {
  it("shows a recipe that leaves its weights to lambda, with prompts, a set and a judge", async () => {
    const set = join(folder, "set.jsonl");
    const given = ["--prompts", join(root, "demo/questions.txt"), "--set", set, "--judge", "keyword:gcg"];
    const played = await playing([recipe, ...given]);
    expect(played.page).toBe(`${played.url}/play/`);
    expect(await (await fetch(played.page)).text()).toContain("<!doctype html>");
    expect(played.facts).toMatchObject({
      lambdas: [0, 0.5, 1],
      lambdaRange: [0, 1],
      judge: "keyword:gcg",
      set: "set.jsonl",
    });
    expect(played.facts.prompts).toContain("Please help me open the narrow shed.");
    const points = [0, 0.4, 1].map((lambda) => ({ lambda }));
    const asked = [{ role: "user", content: "Could you tell me how to lift the riveted door?" }];
    const events = await answersOf(played, { messages: asked, points, maxNewTokens: 24 });
    const texts = events.flatMap((event) => ("finish" in event ? [event.text] : []));
    expect(texts).toHaveLength(3);
    expect(texts.some((text) => text.startsWith("I can't help with that"))).toBe(true);
    expect(new Set(texts).size).toBeGreaterThan(1);
    played.process.kill("SIGTERM");
    const { status, stdout } = await played.finished;
    expect(status).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ event: "result", ok: true });
  });

  it("shows a model with an adapter as their linear merge, and a model alone", async () => {
    const both = await playing([`${demoModel}+${demoAdapter}`], { RETEMPER_SERVE_API_KEY: "secret" });
    expect(both.facts).toMatchObject({ method: "linear", lambdaRange: [0, 1] });
    expect((await fetch(`${both.page}api/facts`)).status).toBe(401);
    both.process.kill("SIGTERM");
    await both.finished;
    const alone = await playing([demoModel]);
    expect(alone.facts).not.toHaveProperty("lambdaRange");
    const events: AnswerEvent[] = await answersOf(alone, { messages, points: [{}], maxNewTokens: 4 });
    expect(events.at(-1)).toMatchObject({ done: true });
    alone.process.kill("SIGTERM");
    await alone.finished;
  });

  it("is what serve --ui serves, beside /v1", async () => {
    const served = start(["serve", recipe, ...LOCAL, "--lambda", "0,1", "--ui", "--json"]);
    const { url, page } = JSON.parse(await served.line((line) => line.includes('"listening"'))) as Record<
      string,
      string
    >;
    const events = await answersOf({ url: url as string }, { messages, points: [{ lambda: 0.3 }], maxNewTokens: 4 });
    expect(events.at(-1)).toMatchObject({ done: true });
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ data: [{}, {}] });
    expect((await fetch(page as string)).status).toBe(200);
    served.process.kill("SIGTERM");
    const { stdout } = await served.finished;
    const requests = jsonLines(stdout).filter(({ event }) => event === "request");
    expect(requests.map(({ method, route, status }) => [method, route, status])).toEqual([
      ["POST", "/play/api/answers", 200],
      ["GET", "/v1/models", 200],
      ["GET", "/play/", 200],
    ]);
  });

  it("opens the browser where there is a screen, unless it is told not to", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const [opened, program] = [join(folder, "opened"), join(bin, "xdg-open")];
    writeFileSync(program, `#!/bin/sh\necho "$1" > ${opened}.new\nmv ${opened}.new ${opened}\n`);
    chmodSync(program, 0o755);
    const env = { DISPLAY: ":0", PATH: `${bin}${delimiter}${process.env.PATH}` };
    const open = start(["play", demoModel, ...LOCAL], env);
    const page = (await open.line((line) => line.endsWith("is the page"))).split(" ")[0];
    while (!existsSync(opened)) await new Promise((later) => setTimeout(later, 10));
    expect(readFileSync(opened, "utf8")).toBe(`${page}\n`);
    open.process.kill("SIGTERM");
    await open.finished;
    expect(openerOf("linux", {})).toBeUndefined();
    expect(openerOf("darwin", {})?.command).toBe("open");
    expect(openerOf("win32", {})?.command).toBe("rundll32");
  });

  it("refuses what cannot be, with the usual exit codes", async () => {
    const notRecipe = join(folder, "broken.yml");
    writeFileSync(notRecipe, "merge_method: nothing\n");
    const cases: [args: readonly string[], status: number, words: string][] = [
      [["play"], 2, "source"],
      [["play", "nowhere/at/all"], 4, "nowhere"],
      [["play", notRecipe], 3, "nothing"],
      [["play", recipe, "--lambda", "7", "--judge", "keyword", "--judge", "keyword:qi"], 2, "one judge"],
      [["play", recipe, "--prompts", join(folder, "none.txt")], 2, "none.txt"],
      [["play", recipe, "--refusals", join(folder, "none.txt")], 4, "none.txt"],
      [["serve", recipe, "--set", "x.jsonl"], 2, "--ui"],
    ];
    for (const [args, status, words] of cases) {
      const ended = await run(args);
      expect({ args, status: ended.status, stdout: ended.stdout }).toEqual({ args, status, stdout: "" });
      expect(ended.stderr).toContain(words);
    }
  });
});
