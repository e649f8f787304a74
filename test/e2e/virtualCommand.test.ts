// The commands that run models, on virtual merges.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { jsonLines, run, temporaryFolder } from "./command.js";

const models = join(import.meta.dirname, "..", "golden", "merge", "models");
const folder = temporaryFolder();
const recipe = join(folder, "recipe.yml");
writeFileSync(
  recipe,
  `merge_method: linear\ndtype: bfloat16\nmodels:\n- model: ${models}/base\n- model: ${models}/ft1\n`,
);
const prompts = join(folder, "prompts.jsonl");
writeFileSync(prompts, '{"ids": [5, 7]}\n{"ids": [1, 2, 3]}\n');
const flags = ["--max-new-tokens", "4", "--ignore-eos", "--quiet"];

describe("retemper generate of a recipe", () => {
  it("answers at every lambda what the written merges answer, and goes on with a file of them", async () => {
    const out = join(folder, "answers.jsonl");
    const args = ["generate", recipe, "--lambda", "0.2:0.8:0.3", "--prompts", prompts, ...flags, "--out", out];
    expect((await run(args)).status).toBe(0);
    const text = readFileSync(out, "utf8");
    const answers = jsonLines(text);
    expect(answers.map(({ index, lambda }) => [index, lambda])).toEqual([
      [0, 0.2],
      [0, 0.5],
      [0, 0.8],
      [1, 0.2],
      [1, 0.5],
      [1, 0.8],
    ]);
    writeFileSync(
      out,
      text
        .split("\n")
        .slice(0, 4)
        .map((line) => `${line}\n`)
        .join(""),
    );
    expect((await run(args)).status).toBe(0);
    expect(readFileSync(out, "utf8")).toBe(text);

    const written = join(folder, "written");
    expect((await run(["merge", recipe, written, "--lambda", "0.5", "--quiet"])).status).toBe(0);
    const { stdout } = await run(["generate", written, "--prompts", prompts, ...flags]);
    const ids = jsonLines(stdout).sort((a, b) => Number(a.index) - Number(b.index));
    expect(answers.filter(({ lambda }) => lambda === 0.5).map((answer) => answer.ids)).toEqual(
      ids.map((answer) => answer.ids),
    );
  });

  it("refuses what does not fit, with the status of wrong usage", async () => {
    const two = await run(["chat", recipe, "--lambda", ".2,.4"]);
    expect([two.status, two.stderr]).toEqual([2, expect.stringContaining("give one lambda")]);
    const endpoint = await run([
      "generate",
      "m",
      "--endpoint",
      "http://127.0.0.1:9",
      "--lambda",
      ".2",
      "--prompt",
      "a",
    ]);
    expect([endpoint.status, endpoint.stderr]).toEqual([2, expect.stringContaining("is a server")]);
  });
});
