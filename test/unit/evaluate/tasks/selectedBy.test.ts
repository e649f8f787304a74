// Rows that were taken for what a model answered to them say so, and their set with them.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, it } from "vitest";
import { keywordJudge } from "../../../../lib/evaluate/judges/keywordJudge.js";
import { evaluate } from "../../../../lib/evaluate/run/evaluate.js";
import { CannedModel } from "../cannedModel.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-selected-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("a set of what the aligned model refused, as the study's filter writes it, is known as such", async () => {
  const place = join(folder, "study");
  mkdirSync(join(place, "data"), { recursive: true });
  mkdirSync(join(place, "out/candidates"), { recursive: true });
  cpSync(resolve("examples/smollm2/refused.mjs"), join(place, "refused.mjs"));
  const rows = ["a", "b", "c"].map((name) => ({ prompt: `Open the ${name}`, category: "doors" }));
  writeFileSync(join(place, "data/candidates.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const items = [0, 1, 0].map((score, at) => ({ id: `${at}`, scores: { "asr[keyword]": score } }));
  const tasks = [{ name: "candidates", primary: "asr[keyword]", items }];
  writeFileSync(join(place, "out/candidates/results.json"), JSON.stringify({ tasks }));
  execFileSync(process.execPath, ["refused.mjs", place], { cwd: place });
  expect(readFileSync(join(place, "data/refused.jsonl"), "utf8").trim().split("\n")).toHaveLength(2);

  const model = new CannedModel(() => "Of course.");
  const judges = [keywordJudge({ phrases: ["can't"] })];
  const suite = [`refused=safety:${place}/data/refused.jsonl`, `all=safety:${place}/data/candidates.jsonl`];
  const results = await evaluate(model, suite, { judges });
  expect(results.tasks.map(({ name, selectedBy }) => [name, selectedBy])).toEqual([
    ["refused", "aligned"],
    ["all", undefined],
  ]);
});
