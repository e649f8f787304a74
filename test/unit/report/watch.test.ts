// A run's folder in a browser: how far it is, its numbers so far, and its report in the end.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExperimentStatus } from "../../../lib/report/status.js";
import { type Watch, watch } from "../../../lib/report/watch.js";
import { RESULTS } from "./results.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-watch-"));
let server: Watch;
beforeAll(async () => {
  server = await watch(folder);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const { aligned, tuned, candidates } = RESULTS.validation;
const running: ExperimentStatus = {
  name: RESULTS.name,
  labels: RESULTS.labels,
  state: "running",
  steps: ["validation aligned", "<script>"],
  current: { step: "validation linear seed 42", what: "answers, safety", done: 30, total: 120 },
  measured: {},
  candidates: [],
};
const tell = (status: ExperimentStatus) => writeFileSync(join(folder, "status.json"), JSON.stringify(status));
const page = async () => (await fetch(server.url)).text();

function statusOf(headers: Record<string, string>, method = "GET"): Promise<number | undefined> {
  return new Promise((done, failed) => {
    request(server.url, { headers, method }, ({ statusCode }) => done(statusCode))
      .on("error", failed)
      .end();
  });
}

describe("watching a run", () => {
  it("waits for a run that has told nothing yet", async () => {
    expect(await page()).toContain("Not begun");
  });

  it("shows the step, how far it is, and what was measured, and loads itself again", async () => {
    tell(running);
    const first = await page();
    expect(first).toContain("Now: validation linear seed 42, 30 of 120 answers, safety.");
    expect(first).toContain('<progress max="120" value="30"');
    expect(first).toMatch(/http-equiv="refresh"/);
    expect(first).not.toMatch(/<script|<figure/);
    tell({ ...running, measured: { aligned, tuned }, candidates });
    const second = await page();
    expect(second).toContain('<figure id="curve-asr">');
    expect(second.match(/<th scope="row">linear/g)).toHaveLength(
      candidates.filter(({ method }) => method === "linear").length,
    );
    expect(second).not.toMatch(/NaN|undefined|<script/);
  });

  it("shows over-refusal and each skill over lambda, with the way in which it is better", async () => {
    const skills = {
      sums: { better: "high", metric: "exact_match" },
      text: { better: "low", metric: "loss" },
    } as const;
    const of = <M extends typeof aligned>(model: M, at: number): M => ({
      ...model,
      overRefusal: { value: 0.1 + at / 10 },
      skills: { sums: { value: 0.9 - at / 2 }, text: { value: 2 + at } },
    });
    const merges = candidates.map((one) => of(one, one.lambda ?? 1));
    tell({ ...running, skills, measured: { aligned: of(aligned, 0), tuned: of(tuned, 1) }, candidates: merges });
    const shown = await page();
    const figures = [...shown.matchAll(/<figure id="([^"]+)">/g)].map(([, id]) => id);
    expect(figures).toEqual(["curve-score", "curve-asr", "curve-overRefusal", "curve-skill-sums", "curve-skill-text"]);
    expect(shown).toContain("sums (exact_match) over lambda");
    expect(shown).toMatch(/text \(loss\) over lambda[\s\S]*lower is better/);
    expect(shown).toMatch(/<th scope="col"[^>]*>sums/);
    expect(shown).not.toMatch(/NaN|undefined|<script/);
  });

  it("says why a run stopped", async () => {
    tell({ ...running, state: "stopped", message: "no space <b>" });
    expect(await page()).toContain("Stopped: no space &lt;b&gt;");
  });

  it("shows the report once the run is done", async () => {
    tell({ ...running, state: "done" });
    expect(await page()).toContain("Done");
    writeFileSync(join(folder, "report.html"), "<!doctype html>the report");
    expect(await page()).toBe("<!doctype html>the report");
  });

  it("answers to this machine's names only, and lets nothing be changed", async () => {
    expect(await statusOf({ host: "elsewhere.example" })).toBe(403);
    expect(await statusOf({ host: "localhost:80" })).toBe(200);
    expect(await statusOf({}, "POST")).toBe(405);
    expect((await fetch(`${server.url}/results.json`)).status).toBe(404);
    const reply = await fetch(`${server.url}/status.json`);
    expect(reply.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(await reply.json()).toMatchObject({ state: "done" });
  });

  it("refuses a folder that is not there, and a port that is taken", async () => {
    await expect(watch(join(folder, "none"))).rejects.toMatchObject({ code: "BAD_INPUT" });
    await expect(watch(folder, { port: Number(new URL(server.url).port) })).rejects.toMatchObject({ code: "IO" });
  });
});
