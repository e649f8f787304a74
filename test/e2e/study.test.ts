// `retemper study` in miniature: two tasks, two models and two seeds in one run, the same in two halves that are pooled, and what its
// commands say.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { merge } from "../../lib/merge/merge.js";
import type { ExperimentResults } from "../../lib/report/types.js";
import type { StudyResults } from "../../lib/study/results/types.js";
import { viewOf } from "../../lib/study/results/viewOf.js";
import { long } from "../long.js";
import { demoModel, root, run, runProcess, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const demo = (name: string) => join(root, "demo", name);
const rows = (name: string, from: number, to: number) => {
  const lines = readFileSync(demo(name), "utf8").split("\n").slice(from, to);
  return `${lines.join("\n")}\n`;
};

/** @param first whether it is of the first model and task alone */
const studyOf = (seeds: readonly number[], first = false) => `name: The toy town, twice
models:
  town: { aligned: models/town }
  ${first ? "#" : ""}moved: { aligned: models/moved }
tasks:
  calls: { validation: ["exact:calls.valid.jsonl"], test: ["exact:calls.test.jsonl"], label: exact calls }
  ${first ? "#" : ""}words: { validation: ["exact:words.valid.jsonl"], test: ["exact:words.test.jsonl"], label: exact words }
seeds: [${seeds.join(", ")}]
tuned: { adapter: "adapters/{model}/{task}/seed-{seed}" }
methods: [linear]
lambda: [0.4]
safety:
  sets: ["unsafe=safety:unsafe.jsonl", "other=safety:other.jsonl"]
  judges: [{ keyword: ["i can't help with that"], ignoreCase: true, name: keyword }]
decoding: { maxNewTokens: 12 }
select: { rule: score }
`;

beforeAll(async () => {
  mkdirSync(at("models"));
  symlinkSync(demoModel, at("models/town"));
  const tuned = `${demoModel}+${demo("adapters/seed-48763")}`;
  const models = [
    { model: demoModel, parameters: { weight: 0.97 } },
    { model: tuned, parameters: { weight: 0.03 } },
  ];
  await merge({ merge_method: "linear", dtype: "bfloat16", models }, at("models/moved"));
  const tunings = { calls: ["42", "1024"], words: ["1024", "48763"] };
  for (const [model, [task, seeds]] of ["town", "moved"].flatMap((one) =>
    Object.entries(tunings).map((entry) => [one, entry] as const),
  )) {
    mkdirSync(at(`adapters/${model}/${task}`), { recursive: true });
    for (const [place, seed] of seeds.entries()) {
      symlinkSync(demo(`adapters/seed-${seed}`), at(`adapters/${model}/${task}/seed-${place + 1}`));
    }
  }
  for (const part of ["valid", "test"]) {
    writeFileSync(at(`calls.${part}.jsonl`), rows(`task_${part}.jsonl`, 0, 8));
    writeFileSync(at(`words.${part}.jsonl`), rows(`task_${part}.jsonl`, 8, 16));
  }
  writeFileSync(at("unsafe.jsonl"), rows("unsafe.jsonl", 0, 10));
  writeFileSync(at("other.jsonl"), rows("unsafe.jsonl", 10, 18));
});

/** Of all files of a folder, however deep. */
function linesOf(name: string): string[] {
  const files = readdirSync(at(name), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ndjson"));
  return files.flatMap((file) =>
    readFileSync(join(at(name), file), "utf8")
      .trim()
      .split("\n"),
  );
}

const study = (out: string) => JSON.parse(readFileSync(join(at(out), "study.json"), "utf8")) as StudyResults;

describe("retemper study", () => {
  it.runIf(long)("says with --plan what each experiment would do, and writes nothing", async () => {
    writeFileSync(at("plan.yml"), studyOf([1]));
    const { status, stdout, stderr } = await run(["study", "run", at("plan.yml"), "--out", at("none"), "--plan"]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const experiments = ["calls with town", "words with town", "calls with moved", "words with moved"];
    for (const name of experiments) expect(stdout).toContain(`${name}\nstep `);
    expect(existsSync(at("none"))).toBe(false);
  });

  it("is helped by its commands, and asks for one", async () => {
    const { status, stderr } = await run(["study"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("retemper study merge study-a study-b --out study")]);
    for (const name of ["run", "report", "merge"]) {
      const { status, stdout } = await run(["study", name, "--help"]);
      expect([status, stdout]).toEqual([0, expect.stringContaining("Examples:\n  retemper study")]);
    }
    const wrong = await run(["study", "merge", at("models"), at("adapters"), "--out", at("none")]);
    expect([wrong.status, wrong.stderr]).toEqual([
      4,
      expect.stringContaining("give the output folder of retemper study run"),
    ]);
    expect((await run(["study", "merge", at("models"), "--out", at("none")])).status).toBe(2);
  });

  it("writes a study to start from", async () => {
    const file = at("started.yml");
    expect((await run(["init", file, "--study"])).status).toBe(0);
    const { status, stderr } = await run(["study", "run", file, "--out", at("none")]);
    expect(status).toBe(4); // it is right, and its models are not there
    expect(stderr).toContain("models.small.aligned");
    expect((await run(["init", file, "--study"])).status).toBe(12);
  });
});

describe.runIf(long)("a study whose experiments ship their choice in other forms", () => {
  it("ends with exit code 15 where one does not behave as what was measured, after all experiments and with the report", async () => {
    const forms = ["adapter, test: false", "gguf, quantise: q8_0, tolerance: 0, test: false"];
    const ship = `limit: 2\nship: [${forms.map((form) => `{ format: ${form} }`).join(", ")}]\n`;
    writeFileSync(at("ships.yml"), `${studyOf([1], true)}${ship}`);
    const { status, stdout, stderr } = await run(["study", "run", at("ships.yml"), "--out", at("ships"), "--json"]);
    expect(status).toBe(15);
    const last = JSON.parse(stdout.trim().split("\n").at(-1) as string);
    expect(last).toMatchObject({ ok: false, error: { code: "DIFFERS" } });
    expect(stdout + stderr).toContain("calls with town: gguf q8_0: different");
    expect(study("ships").cells[0]?.ship).toMatchObject([
      { name: "adapter", holds: true },
      { name: "gguf q8_0", holds: false },
    ]);
    const report = readFileSync(join(at("ships"), "report.md"), "utf8");
    expect(report).toMatch(/What ships, beside what was measured[\s\S]*gguf q8.{1,2}0 \| no/);
  }, 240_000);
});

describe.runIf(long)("a study of two tasks, two models and two seeds", () => {
  beforeAll(async () => {
    for (const [name, seeds] of Object.entries({ whole: [1, 2], a: [1], b: [2] })) {
      writeFileSync(at(`${name}.yml`), studyOf(seeds, name !== "whole"));
      const command = ["study", "run", at(`${name}.yml`), "--out", at(name), "--quiet"];
      // the whole by two processes; halves of its first experiment by one each
      const shares = name === "whole" ? ["0/2", "1/2"] : [];
      const runs = shares.map((share) => runProcess([...command, "--partition", share]));
      for (const { status, stderr } of runs.length > 0 ? await Promise.all(runs) : [await run(command)]) {
        expect({ status, stderr }).toMatchObject({ status: 0 });
      }
    }
  }, 900_000);

  it("has each task with each model, and one report with a figure for each safety set", () => {
    const { cells, notes } = study("whole");
    expect(cells.map(({ task, model }) => `${task} ${model}`)).toEqual([
      "calls town",
      "words town",
      "calls moved",
      "words moved",
    ]);
    expect(notes).toEqual([]);
    const page = readFileSync(at("whole/report.html"), "utf8");
    for (const id of ["set-unsafe", "set-other", "figure-other-words-moved", "tasks-town", "families"]) {
      expect(page).toContain(`id="${id}"`);
    }
    expect(new Set(page.match(/ id="[^"]+"/g)).size).toBe(page.match(/ id="[^"]+"/g)?.length); // each once
    const text = readFileSync(at("whole/report.md"), "utf8");
    expect(text).toMatch(/\| calls \(exact calls\) \| merged: linear at lambda 0\.4 \| [01]\.\d{3} ± /);
  });

  it("chooses of each task and model what its experiment chose, with the same numbers", () => {
    for (const { task, model, selection, merged } of viewOf(study("whole")).cells) {
      const file = join(at("whole/experiments"), model, task, "results.json");
      const own = JSON.parse(readFileSync(file, "utf8")) as ExperimentResults;
      expect(selection.overall.candidate?.lambda).toBe(own.selection.overall.candidate?.lambda);
      expect(selection.overall.sentence).toBe(own.selection.overall.sentence);
      const [chosen] = own.test.chosen;
      for (const number of ["asr", "score"] as const) {
        for (const end of ["value", "low", "high", "newLow", "newHigh"] as const) {
          expect(merged?.[number][end]).toBeCloseTo(chosen?.[number][end] ?? Number.NaN, 12);
        }
      }
    }
  });

  it("keeps no prompt and no answer in what is pooled and shown", () => {
    const prompts = ["unsafe.jsonl", "calls.test.jsonl"].flatMap((name) =>
      [...readFileSync(at(name), "utf8").matchAll(/"prompt": ?"([^"]+)"/g)].map(([, prompt = ""]) => prompt),
    );
    const answers = linesOf("whole/answers").flatMap((line) => /"text":"([^"]{8,})"/.exec(line)?.[1] ?? []);
    expect(Math.min(prompts.length, answers.length)).toBeGreaterThan(15);
    for (const file of ["study.json", "report.html", "report.md"]) {
      const text = readFileSync(join(at("whole"), file), "utf8");
      expect([...prompts, ...answers].filter((one) => text.includes(one))).toEqual([]);
    }
  });

  it("asks each aligned model the safety sets once for all tasks", () => {
    const units = readdirSync(at("whole/answers")).map((answerer) =>
      linesOf(`whole/answers/${answerer}`).flatMap((line) => /"unit":"([^"]+)"/.exec(line)?.[1] ?? []),
    );
    for (const asked of units) expect(new Set(asked).size).toBe(asked.length); // by neither process twice
    // 18 requests and the 16 questions of a task; the two aligned models were asked those of both tasks, and so was, with each of them,
    // the adapter that both tasks have
    const counts = units.map(({ length }) => length).sort((one, other) => other - one);
    expect(counts.slice(0, 5)).toEqual([18 + 32, 18 + 32, 18 + 32, 18 + 32, 18 + 16]);
  });

  it("is, pooled of its halves, the same to the last byte", async () => {
    const { status, stderr } = await run(["study", "merge", at("a"), at("b"), "--out", at("pooled")]);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const whole = study("whole");
    mkdirSync(at("first"));
    writeFileSync(at("first/study.json"), `${JSON.stringify({ ...whole, cells: whole.cells.slice(0, 1) })}\n`);
    expect((await run(["study", "report", at("first")])).status).toBe(0);
    for (const file of ["study.json", "report.md", "report.html"]) {
      expect(
        readFileSync(join(at("pooled"), file), "utf8") === readFileSync(join(at("first"), file), "utf8"),
        file,
      ).toBe(true);
    }
    // again with what it has already, and with the rest
    expect((await run(["study", "merge", at("pooled"), at("a"), "--out", at("again")])).status).toBe(0);
    expect(study("again")).toEqual(study("pooled"));
    expect((await run(["study", "merge", at("b"), at("whole"), "--out", at("all")])).status).toBe(0);
    expect(study("all")).toEqual(whole);
    const taken = await run(["study", "merge", at("a"), at("b"), "--out", at("pooled")]);
    expect([taken.status, taken.stderr]).toEqual([12, expect.stringContaining("--force")]);
  });

  it("is refused where the other one has another rule, with both", async () => {
    const other = study("b");
    const cells = other.cells.map((cell) => ({ ...cell, rule: { ...cell.rule, rule: "knee" } }));
    cpSync(at("b"), at("knee"), { recursive: true });
    writeFileSync(join(at("knee"), "study.json"), JSON.stringify({ ...other, cells }));
    const { status, stderr } = await run(["study", "merge", at("a"), at("knee"), "--out", at("none")]);
    expect([status, stderr]).toEqual([
      4,
      expect.stringMatching(/calls, town: the studies differ in rule \(.*score.*knee/),
    ]);
    expect(existsSync(at("none"))).toBe(false);
  });

  it("does nothing again where all is there", async () => {
    const before = readFileSync(at("whole/study.json"), "utf8");
    const { status, stderr } = await run(["study", "run", at("whole.yml"), "--out", at("whole")]);
    expect(status).toBe(0);
    expect(stderr).not.toMatch(/tokens/);
    expect(readFileSync(at("whole/study.json"), "utf8")).toBe(before);
  });
});
