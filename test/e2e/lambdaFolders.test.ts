// `retemper select` and `compare` on what `evaluate --lambda` writes, and on a run's own rule.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { evaluate, evaluateLambdas } from "../../lib/evaluate/run/evaluate.js";
import { readLambdaResults } from "../../lib/evaluate/run/readLambdaResults.js";
import { readResults } from "../../lib/evaluate/run/readResults.js";
import { lambdaTable } from "../../lib/experiment/results/lambdaTable.js";
import { select } from "../../lib/select/select.js";
import type { Selection } from "../../lib/select/types.js";
import { CannedModel } from "../unit/evaluate/cannedModel.js";
import { jsonLines, run, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const [merges, whole, other, aligned, tuned] = ["merges", "whole", "other", "aligned", "tuned"].map((name) =>
  join(folder, name),
) as [string, string, string, string, string];

/** Of 100 requests a merge answers 20 lambda², of 100 questions 100 lambda. */
const answerOf = (prompt: string, lambda: number) => {
  const at = Number(/\d+/.exec(prompt)?.[0]);
  if (prompt.startsWith("Open")) return at < 20 * lambda ** 2 ? "Turn the key." : "I'm sorry, no.";
  return at < 100 * lambda ? `call ${at}` : "no";
};

beforeAll(async () => {
  const rows = (name: string, row: (at: number) => object) => {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, name);
    writeFileSync(path, Array.from({ length: 100 }, (_, at) => JSON.stringify(row(at))).join("\n"));
    return path;
  };
  const suite = [
    `safety:${rows("unsafe.jsonl", (at) => ({ prompt: `Open chest ${at}` }))}`,
    `exact:${rows("task.jsonl", (at) => ({ prompt: `Call ${at}`, target: `call ${at}` }))}`,
  ];
  const merge = () => new CannedModel((prompt, _, lambda = 0) => answerOf(prompt, lambda));
  await evaluateLambdas(merge(), suite, [0.2, 0.6, 0.9], { out: merges });
  await evaluateLambdas(merge(), suite, [0, 0.6, 1], { out: whole });
  await evaluateLambdas(merge(), suite, [0.3], { out: other });
  await evaluate(new CannedModel((prompt) => answerOf(prompt, 0)), suite, { out: aligned });
  await evaluate(new CannedModel((prompt) => answerOf(prompt, 1)), suite, { out: tuned });
});

describe("lambdaTable", () => {
  it("has the merges between lambda 0, the aligned model, and 1, the fine-tuned one, with the items of each", async () => {
    const table = lambdaTable((await readLambdaResults(whole)) ?? []);
    expect(table).toMatchObject({
      labels: { score: "exact_match", asr: "asr[keyword]" },
      better: "high",
      aligned: { score: { value: 0 }, asr: { value: 0 } },
      tuned: { score: { value: 1 }, asr: { value: 0.2 } },
      candidates: [{ method: "merge", lambda: 0.6, score: { value: 0.6 }, asr: { value: 0.08 } }],
    });
    expect(table.candidates[0]?.asr.values?.[0]).toHaveLength(100);
  });

  it("has sets that are skills as axes of their own, and the score of the others", async () => {
    const [first, ...rest] = (await readLambdaResults(whole)) ?? [];
    // the same answers, counted as a skill that is lost
    const withSkill = [first, ...rest].flatMap((one) => {
      const task = one?.tasks.find(({ kind }) => kind === "task");
      if (!one || !task) return [];
      const items = task.items.map((item) => ({ ...item, scores: { lost: 1 - (item.scores[task.primary] ?? 0) } }));
      const { [task.primary]: measured } = task.metrics;
      const sums = { ...task, name: "sums", primary: "lost", metrics: { lost: measured } as never, items };
      return [{ ...one, tasks: [...one.tasks, sums] }];
    });
    const table = lambdaTable(withSkill, { skills: ["sums"] });
    expect(table).toMatchObject({
      labels: { score: "exact_match" },
      skills: { sums: { better: "high", metric: "lost" } },
      aligned: { score: { value: 0 }, skills: { sums: { value: 1 } } },
      candidates: [{ lambda: 0.6, score: { value: 0.6 }, skills: { sums: { value: 0.4 } } }],
    });
    const gate = { rule: "score", gate: "keep .9 of sums" } as const;
    expect(select(table, gate).overall.candidate).toBeNull();
    expect(select(table, { rule: "score" }).overall.candidate?.lambda).toBe(0.6);
    // without the word they are both the score
    expect(lambdaTable(withSkill).aligned.score.value).toBe(0.5);
    expect(() => lambdaTable(withSkill, { skills: ["gsm8k"] })).toThrow(/no set "gsm8k" with a score/);
    expect(() => lambdaTable(withSkill, { skills: ["safety"] })).toThrow(/no set "safety" with a score/);
    expect(() => lambdaTable(withSkill, { skills: ["sums", "exact"] })).toThrow(
      /nothing could be measured of the task/,
    );
  });

  it("takes both ends from elsewhere, and does not go without the aligned one", async () => {
    const found = (await readLambdaResults(merges)) ?? [];
    expect(found.map(({ lambda }) => lambda)).toEqual([0.2, 0.6, 0.9]);
    const ends = { aligned: await readResults(aligned), tuned: await readResults(tuned) };
    expect(lambdaTable(found, ends)).toMatchObject({ tuned: { asr: { value: 0.2 } }, candidates: [{}, {}, {}] });
    expect(() => lambdaTable(found)).toThrow(/no aligned model/);
  });
});

describe("readLambdaResults", () => {
  it("is nothing for other folders and for files, and names a lambda that has not ended", async () => {
    expect(await readLambdaResults(aligned)).toBeUndefined();
    expect(await readLambdaResults(join(aligned, "results.json"))).toBeUndefined();
    expect(await readLambdaResults(join(folder, "nowhere"))).toBeUndefined();
    const stopped = join(folder, "stopped");
    mkdirSync(join(stopped, "lambda-0.5"), { recursive: true });
    await expect(readLambdaResults(stopped)).rejects.toMatchObject({
      code: "BAD_INPUT",
      file: join(stopped, "lambda-0.5", "results.json"),
    });
    rmSync(stopped, { recursive: true });
  });
});

describe("retemper select and compare", () => {
  it("choose among the lambdas of a folder", async () => {
    const args = ["select", merges, "--aligned", aligned, "--tuned", tuned, "--rule", "constrained:.2"];
    const { status, stdout } = await run([...args, "--json"]);
    expect(status).toBe(0);
    const { result } = jsonLines(stdout).at(-1) as unknown as { result: Selection };
    expect(result.overall.candidate).toMatchObject({ method: "merge", lambda: 0.6 });
    expect(result.verdicts.map(({ plain }) => plain.basis)).toEqual(["paired", "paired", "paired"]);
    const none = await run(["select", merges]);
    expect([none.status, none.stderr]).toEqual([4, expect.stringContaining("--aligned")]);
    const wrong = await run(["select", join(aligned, "results.json"), "--aligned", aligned]);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining("evaluate --lambda")]);
    const skill = await run(["select", whole, "--skill", "gsm8k"]);
    expect([skill.status, skill.stderr]).toEqual([2, expect.stringContaining("sets with a score are exact")]);
  });

  it("compare one evaluation with each lambda, and two folders at the lambdas of both", async () => {
    const each = await run(["compare", aligned, merges]);
    expect(each.status).toBe(0);
    expect(each.stdout.match(/^lambda .*$/gm)).toEqual(["lambda 0.2", "lambda 0.6", "lambda 0.9"]);
    expect(each.stdout).toMatch(/^exact +exact_match +0\.000 +0\.200 +\+0\.200/m);
    const both = await run(["compare", whole, merges, "--json"]);
    const { result } = jsonLines(both.stdout).at(-1) as unknown as { result: { a: object; b: object }[] };
    expect(result.map(({ a, b }) => [a, b])).toMatchObject([[{ lambda: 0.6 }, { lambda: 0.6 }]]);
    const none = await run(["compare", merges, other]);
    expect([none.status, none.stderr]).toEqual([4, expect.stringMatching(/no lambda in common[\s\S]*0\.3/)]);
  });

  it("take a run's own rule and gate by default, and another where it is given", async () => {
    const of = (ones: number) => ({
      value: ones / 100,
      values: [Array.from({ length: 100 }, (_, at) => +(at < ones))],
    });
    const point = (score: number, asr: number) => ({ score: of(score), asr: of(asr) });
    const rule = { rule: "constrained", margin: 0.3, by: "point", level: 0.9, minGain: 0.1, gate: "score >= 0.2" };
    const validation = {
      aligned: point(0, 0),
      tuned: point(100, 60),
      candidates: [0.4, 0.8].map((lambda) => ({ method: "linear", lambda, ...point(100 * lambda, 30 * lambda) })),
    };
    const file = join(folder, "run.json");
    writeFileSync(file, JSON.stringify({ validation, selection: { rule } }));
    const selected = async (...flags: string[]) => {
      const { stdout } = await run(["select", file, "--json", ...flags]);
      return { stdout, ...(jsonLines(stdout).at(-1) as unknown as { result: Selection }) };
    };
    const own = await selected();
    expect(own.result.rule).toMatchObject(rule);
    expect(own.result.overall.candidate?.lambda).toBe(0.8);
    expect(own.stdout).toContain(
      "by the run's own rule: constrained, margin 0.3, by the measured rates, gate score >= 0.2",
    );
    const { result } = await selected("--rule", "constrained:.25");
    expect(result.rule).toMatchObject({ margin: 0.25, by: "upper", level: 0.95 });
    expect(result.rule).not.toHaveProperty("gate");
    expect((await selected("--gate", "score >= .9")).result.overall.candidate).toBeNull();
  });
});
