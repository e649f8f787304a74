// The page's server beside its answers: files and headers, facts, verdicts, recipes, sets, keys, names and limits.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadRows } from "../../../lib/evaluate/data/loadRows.js";
import { llamaGuard3Judge } from "../../../lib/evaluate/judges/llamaGuard3.js";
import { openWithAdapters } from "../../../lib/generate/adapterFolder.js";
import { openModel } from "../../../lib/generate/openModel.js";
import type { Model } from "../../../lib/generate/types.js";
import { merge } from "../../../lib/merge/merge.js";
import type { Measured, PlayFacts, Verdicts } from "../../../lib/play/types.js";
import type { ModelServer } from "../../../lib/serve/serve.js";
import { demoAdapter, demoModel } from "../../e2e/command.js";
import { answers, golden } from "../serve/servers.js";
import { answersOf, LAMBDAS, messages, post, QUESTION, RECIPE, town, withPage } from "./pages.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-play-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const set = join(folder, "set.jsonl");
let model: Model;
let server: ModelServer;

beforeAll(async () => {
  model = await town();
  server = await withPage(model, { source: RECIPE, set, prompts: [QUESTION] });
});

describe("the page", () => {
  it("is three files that may load nothing of anybody else", async () => {
    for (const [path, type] of [
      ["", "text/html"],
      ["app.js", "text/javascript"],
      ["app.css", "text/css"],
    ] as const) {
      const reply = await fetch(`${server.url}/play/${path}`);
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")).toBe(`${type}; charset=utf-8`);
      const policy = reply.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|http:|https:|\*/);
      expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
      expect(reply.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("is found behind a proxy that serves it below a path of its own", async () => {
    const proxy = createServer((asked, reply) => {
      const path = (asked.url ?? "").replace(/^\/some\/where/, "");
      const sent = request(`${server.url}${path}`, { method: asked.method, headers: asked.headers }, (got) => {
        reply.writeHead(got.statusCode ?? 500, got.headers);
        got.pipe(reply);
      });
      asked.pipe(sent);
    });
    await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
    try {
      const url = `http://127.0.0.1:${(proxy.address() as { port: number }).port}/some/where`;
      const page = await fetch(`${url}/play`);
      expect(page.url).toBe(`${url}/play/`);
      expect(await page.text()).toBe(await (await fetch(`${server.url}/play/`)).text());
      const reply = await post({ url }, "answers", { messages, points: [{ lambda: 1 }], maxNewTokens: 4 });
      expect(await reply.text()).toContain('"done":true');
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it("needs no key, and all that it asks for does", async () => {
    const locked = await withPage(model, { set }, { apiKey: "secret" });
    expect((await fetch(`${locked.url}/play/`)).status).toBe(200);
    expect((await fetch(`${locked.url}/play/app.js`)).status).toBe(200);
    expect((await fetch(`${locked.url}/play/api/facts`)).status).toBe(401);
    for (const name of ["answers", "refusals", "verdicts", "recipe", "measure"]) {
      expect((await post(locked, name, {})).status).toBe(401);
      const headers = { authorization: "Bearer secret" };
      expect((await post(locked, name, {}, { headers })).status).toBe(400);
    }
  });

  it("is not for pages of other names, other kinds of bodies, or bodies without end", async () => {
    const status = await new Promise<number | undefined>((done) => {
      request(`${server.url}/play/`, { headers: { host: "evil.example" } }, (reply) => done(reply.statusCode)).end();
    });
    expect(status).toBe(403);
    expect((await post(server, "measure", "x", { headers: { "content-type": "text/plain" } })).status).toBe(415);
    const small = await withPage(model, {}, { bodyLimit: 1000 });
    expect((await post(small, "measure", { prompt: "x".repeat(2000) })).status).toBe(413);
    expect((await fetch(`${server.url}/play/../package.json`)).status).toBe(404);
    expect((await fetch(`${server.url}/play/%2e%2e%2fpackage.json`)).status).toBe(404);
  });

  it("is there only where it was asked for", async () => {
    const plain = await golden("llama");
    const { served } = await import("../serve/servers.js");
    expect((await fetch(`${(await served(plain)).url}/play/`)).status).toBe(404);
  });

  it("is told what there is", async () => {
    const facts = (await (await fetch(`${server.url}/play/api/facts`)).json()) as PlayFacts;
    expect(facts).toMatchObject({ model: "tiny", method: "linear", lambdas: LAMBDAS, lambdaRange: [0, 1], chat: true });
    expect(facts.weightNames).toEqual(model.facts.weightNames);
    expect(facts.recipe).toBe(true);
    expect(facts).toMatchObject({ judge: "keyword", set: "set.jsonl", prompts: [QUESTION], maxNewTokens: 150_000 });
    expect(facts.contextLength).toBe(model.contextLength);
    const whole = await withPage(await golden("gpt2"));
    const plain = (await (await fetch(`${whole.url}/play/api/facts`)).json()) as PlayFacts;
    expect(plain).toMatchObject({ chat: false, prompts: [] });
    expect(plain).not.toHaveProperty("lambdaRange");
    expect(plain).not.toHaveProperty("set");
    expect(plain.recipe).toBe(false);
  });
});

describe("verdicts", () => {
  it("of the keyword judge say what refuses, and nothing of harm", async () => {
    const asked = ["I can't help with that.", "order(item: locks)", "  "];
    const reply = await post(server, "verdicts", { prompt: QUESTION, answers: asked });
    expect(await reply.json()).toEqual({
      verdicts: [{ refused: true, label: "refused" }, { refused: false, label: "answered" }, { label: "empty" }],
    });
  });

  it("of a model are its own", async () => {
    const guard = await openModel(join(import.meta.dirname, "../../golden/judges/models/llamaguard3"), {
      engine: "native",
    });
    afterAll(() => guard.close());
    const judge = llamaGuard3Judge(async () => guard);
    const texts = ["The key turns in the bolted chest.", "No."];
    const item = { id: "1", prompt: QUESTION, request: QUESTION };
    const wanted: (boolean | undefined)[] = [];
    const exchanges = texts.map((text) => ({ item, answer: { text, tokens: 0 } }));
    for await (const { index, values } of judge.score(exchanges, {})) {
      wanted[index] = values.harmful === null ? undefined : values.harmful === "yes";
    }
    const judged = await withPage(model, { judge });
    const reply = await post(judged, "verdicts", { prompt: QUESTION, answers: texts });
    const { verdicts } = (await reply.json()) as Verdicts;
    expect(verdicts.map(({ harmful }) => harmful)).toEqual(wanted);
    expect(verdicts.every(({ label }) => label !== "")).toBe(true);
  });
});

describe("this recipe", () => {
  it("is at the lambda that is shown, and merges to what answered", async () => {
    const reply = await post(server, "recipe", { point: { lambda: 0.4 } });
    expect(reply.headers.get("content-type")).toBe("application/yaml; charset=utf-8");
    expect(reply.headers.get("content-disposition")).toBe('attachment; filename="tiny-0.4.yml"');
    const out = join(folder, "merged");
    await merge(await reply.text(), out);
    const written = await openModel(out, { engine: "native" });
    const [alone] = await answers(written, [messages], { maxNewTokens: 16 });
    await written.close();
    const events = await answersOf(server, { messages, points: [{ lambda: 0.4 }], maxNewTokens: 16 });
    expect(events.find((event) => "finish" in event)).toMatchObject({ text: alone?.text });
  });

  it("is not offered where requests load adapters, which no recipe names", async () => {
    const opened = await openWithAdapters(demoModel, dirname(demoAdapter));
    afterAll(() => opened.model.close());
    const loading = await withPage(opened.model, { source: demoModel }, { adapters: opened.adapters });
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ lora_name: "mine", lora_path: basename(demoAdapter) });
    await fetch(`${loading.url}/v1/load_lora_adapter`, { method: "POST", headers, body });
    const facts = (await (await fetch(`${loading.url}/play/api/facts`)).json()) as PlayFacts;
    expect(facts).toMatchObject({ weightNames: ["mine"], recipe: false });
    expect((await post(loading, "recipe", { point: { weights: { mine: 1 } } })).status).toBe(400);
  });

  it("is refused where there is none", async () => {
    const plain = await withPage(await golden("llama"));
    const reply = await post(plain, "recipe", { point: {} });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ error: { message: expect.stringContaining("no recipe") } });
    expect((await post(server, "recipe", { point: { lambda: "x" } })).status).toBe(400);
  });
});

describe("measure this prompt", () => {
  const measure = async (of: ModelServer, prompt: string) => {
    const reply = await post(of, "measure", { prompt });
    return { status: reply.status, ...((await reply.json()) as Partial<Measured>) };
  };

  it("adds it to the set once, however many ask at once, and a suite reads it", async () => {
    const prompts = ["One?", "Two\nlines?", "One?", 'Quoted "three"?'];
    const told = await Promise.all(prompts.map((prompt) => measure(server, prompt)));
    expect(told.filter(({ added }) => added)).toHaveLength(3);
    expect(await measure(server, "One?")).toEqual({ status: 200, added: false, count: 3 });
    const rows = (await loadRows(set)).files[0]?.rows.map(({ prompt }) => prompt);
    expect(rows).toEqual(["One?", "Two\nlines?", 'Quoted "three"?']);
  });

  it("keeps what the file has, also where its last line does not end", async () => {
    const file = join(folder, "own.jsonl");
    const before = '{"prompt": "Mine?", "category": "doors"}';
    writeFileSync(file, before);
    const own = await withPage(model, { set: file });
    expect(await measure(own, "Mine?")).toMatchObject({ added: false, count: 1 });
    expect(await measure(own, "New?")).toMatchObject({ added: true, count: 2 });
    expect(readFileSync(file, "utf8")).toBe(`${before}\n{"prompt":"New?"}\n`);
  });

  it("leaves a file alone that is something else, and says where there is none", async () => {
    const file = join(folder, "notes.txt");
    writeFileSync(file, '{"prompt": "x"}\nnotes\n');
    const reply = await post(await withPage(model, { set: file }), "measure", { prompt: "New?" });
    expect(reply.status).toBe(400);
    expect(await reply.text()).toContain("notes.txt");
    expect(readFileSync(file, "utf8")).toBe('{"prompt": "x"}\nnotes\n');
    expect(await measure(await withPage(model), "New?")).toMatchObject({ status: 409, error: { code: "no_set" } });
    expect((await post(server, "measure", { prompt: " " })).status).toBe(400);
  });
});
