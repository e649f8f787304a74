// `retemper inspect --compare`: tables, JSON and the page.

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, describe, expect, it } from "vitest";
import { runHere } from "./inProcess.js";

const demo = new URL("../../../demo/", import.meta.url).pathname;
const model = join(demo, "model");
const tuned = (seed: number) => `${model}+${join(demo, `adapters/seed-${seed}`)}`;
const folder = mkdtempSync(join(tmpdir(), "retemper-inspect-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("inspect --compare", () => {
  it("shows two models as a table, without effective ranks where they are not wanted", async () => {
    const { status, stdout } = await runHere(["inspect", "--compare", model, tuned(42), "--no-rank"]);
    expect(status).toBe(0);
    const [head = "", ...lines] = stdout.trimEnd().split("\n");
    expect(head.trim().split(/ {2,}/)).toEqual(["tensor", "|A|", "|D|", "|D|/|A|"]);
    expect(lines.at(-1)).toMatch(/^all /);
    const q = lines.find((line) => line.startsWith("model.layers.0.self_attn.q_proj.weight")) ?? "";
    expect(Number(q.trim().split(/ +/)[2])).toBeGreaterThan(0);
    // the tuning left the norms alone
    expect(
      lines
        .find((line) => line.startsWith("model.norm.weight"))
        ?.trim()
        .split(/ +/)[2],
    ).toBe("0.000");
  });

  it("writes a page with a square for each layer's module, and all numbers as JSON", async () => {
    const html = join(folder, "compared.html");
    const { status, stdout } = await runHere([
      ...["inspect", "--compare", model, tuned(42), tuned(1024)],
      ...["--html", html, "--json"],
    ]);
    expect(status).toBe(0);
    const { result } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
    const inLayers = result.tensors.filter(({ layer }: { layer?: number }) => layer !== undefined);
    expect(inLayers.length).toBe(36);
    const { document } = parseHTML(readFileSync(html, "utf8"));
    const squares = (id: string) => document.querySelectorAll(`figure#${id} [data-mark=cell] rect`).length;
    expect(squares("tuning")).toBe(inLayers.length);
    const changed = inLayers.filter(({ tuning }: { tuning: { norm: number } }) => tuning.norm > 0).length;
    expect(changed).toBe(28);
    expect(squares("tuning-rank")).toBe(changed);
    expect(squares("cosine")).toBe(changed);
    expect(document.querySelectorAll("table#tensors tbody tr").length).toBe(result.tensors.length + 1);
    expect(document.querySelectorAll("script, link:not([href='data:,'])").length).toBe(0);
  });

  it.each([
    [["inspect", model, model], /one model.*--compare/s],
    [["inspect", "--compare", model], /two or three models, not 1/],
    [["inspect", "--compare", model, model, model, model], /not 4/],
    [["inspect", model, "--no-rank"], /--no-rank is of --compare/],
    [["inspect", model, "--html", "never.html"], /--html is of --compare/],
  ])("refuses %j", async (args, message) => {
    const { status, stderr } = await runHere(args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync("never.html")).toBe(false);
  });
});
