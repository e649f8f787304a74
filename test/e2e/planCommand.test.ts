// `retemper run --plan`: what a run would do, as a table and in words, and as JSON; nothing is written.

import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { PlannedRun } from "../../lib/index.js";
import { main, run, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const out = join(folder, "results");

function experiment(name: string, maxNewTokens: number): string {
  const file = join(folder, name);
  const demo = (path: string) => resolve("demo", path);
  const settings = {
    aligned: demo("model"),
    tune: { data: demo("task_train.jsonl"), seeds: [42, 7], options: { epochs: 1 } },
    methods: ["linear", "dare_linear"],
    lambda: 0.5,
    safety: { sets: [`safety:${demo("unsafe.jsonl")}`] },
    task: { validation: [`calls=exact:${demo("task_valid.jsonl")}`], test: [`calls=exact:${demo("task_test.jsonl")}`] },
    decoding: { maxNewTokens },
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

describe("retemper run --plan", () => {
  it("says in words which rows and items there are, and the same in --json, of experiment.yml by default", async () => {
    const text = await run(["run", experiment("experiment.yml", 8), "--plan", "--out", out]);
    expect([text.status, text.stderr]).toEqual([0, ""]);
    for (const part of [
      /^2 dare_linear \(density 0\.5\) merges, validation +0 of /m,
      /^- Lambda is chosen by exact_match of calls \(high is better\)/m,
      /^- Tuning of seed 42, 7: 480 rows are learned; 60 rows choose lambda \(11\.1 %\), no prompt of which is learned/m,
      /^- Safety: the requests are halved, 75 choose and 75 confirm/m,
      /^- Items needed for a margin of 0\.05 at 97\.5 % \(95 % divided between 2 series\)/m,
    ]) {
      expect(text.stdout).toMatch(part);
    }
    // that one is taken by default, in the working directory
    const of = { cwd: folder, encoding: "utf8" } as const;
    const json = spawnSync(process.execPath, [main, "run", "--plan", "--json"], of);
    const { result } = JSON.parse(json.stdout.trim().split("\n").at(-1) ?? "") as { result: PlannedRun };
    expect(result).toMatchObject({
      judges: [],
      rows: [{ seed: "42", learned: 480, heldOut: 0, validation: 60, alsoLearned: 0 }, { seed: "7" }],
      items: { margin: 0.05, series: 2, choose: 75, confirm: 75, noneDiscordant: { confirm: 52 } },
    });
    for (const note of result.notes) expect(text.stdout).toContain(note);
    expect(existsSync(out)).toBe(false);
  });

  it("ends with 4 for a context that is too small, before anything is asked", async () => {
    const { status, stderr } = await run(["run", experiment("long.yml", 512), "--plan", "--out", out]);
    expect(status).toBe(4);
    expect(stderr).toMatch(/prompt 0 has \d+ tokens with 512 new ones, and the model's context has 512/);
  });

  it("says that there is no experiment.yml in the working directory", async () => {
    const absent = await run(["run", "--plan"]);
    expect(absent).toMatchObject({ status: 3, stderr: expect.stringContaining("experiment.yml: no such experiment") });
    expect((await run(["run", "--help"])).stdout).toMatch(/Without a file it takes experiment\.yml/);
  });

  it("ends with 3 and every fault of a text, each on a line of its own", async () => {
    const file = join(folder, "wrong.yml");
    writeFileSync(file, "aligned: demo/modell\nmetods: [liner]\ntuned: []\n");
    const { status, stderr } = await run(["run", file, "--plan"]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/^ {2}- line 2, column 1: metods: unknown key `metods` \(did you mean `methods`\?\)$/m);
    expect(stderr).toMatch(
      /^ {2}- line 2, column 10: metods\[0\]: unknown value `liner` \(did you mean `linear`\?\)$/m,
    );
  });
});
