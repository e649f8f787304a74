// Skills and over-refusal beside the task and safety: which sets choose and confirm, what is asked once, and a run with all of them.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Results } from "../../../lib/evaluate/run/results.js";
import type { Task } from "../../../lib/evaluate/types.js";
import { arrangeTasks as arrange, type LoadedSets } from "../../../lib/experiment/checks/arrangeTasks.js";
import { confirmingTasks } from "../../../lib/experiment/checks/askedTasks.js";
import { planRun } from "../../../lib/experiment/plan/planRun.js";
import { pairedTests } from "../../../lib/experiment/results/significance.js";
import { run } from "../../../lib/experiment/run.js";
import { loadExperiment } from "../../../lib/experiment/settings/load.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { measure } from "../../../lib/experiment/tables/measure.js";
import { tableItems } from "../../../lib/experiment/tables/tableItems.js";
import type { ExperimentCosts } from "../../../lib/report/types.js";
import { long } from "../../long.js";

const demo = join(import.meta.dirname, "..", "..", "..", "demo");
const folder = mkdtempSync(join(tmpdir(), "retemper-skills-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const set = (name: string, kind: Task["kind"], more: Partial<Task> = {}): Task => ({
  ...{ name, kind, warnings: [], ask: "generate", decoding: {}, scorers: [] },
  metrics: [{ name: "right", better: "high", of: () => null }],
  data: [{ source: `${name}.jsonl`, rows: 8, files: [{ name, sha256: `sha of ${name}`, rows: 8 }] }] as never,
  items: Array.from({ length: 8 }, (_, at) => ({ id: `${at}`, prompt: `${name} ${at}`, request: `${name} ${at}` })),
  ...more,
});
const skill = (name: string, tasks: readonly Task[] = [set(name, "task")]) => ({ name, tasks });
const loaded: LoadedSets = {
  ...{ safety: [set("unsafe", "safety")], validation: [set("valid", "task")], test: [set("test", "task")] },
};
const arranged = (sets: Partial<LoadedSets>, select: object = { rule: "constrained" }) => {
  const settings = { safety: { sets: ["…"], judges: ["keyword"] }, select } as never;
  const { tasks, problems } = arrange({ ...loaded, ...sets }, settings);
  return { tasks, problems: problems.map(({ text }) => text) };
};
const sizes = (tasks: readonly Task[] = []) => tasks.map(({ name, items }) => `${name} ${items.length}`);

describe("the sets of skills and over-refusal", () => {
  it("are halved as those of safety where the rule looks at more than the score, and no item does both", () => {
    const sets = { skills: { sets: [skill("sums"), skill("facts")] }, overRefusal: [set("harmless", "over-refusal")] };
    const { tasks, problems } = arranged(sets);
    expect(problems).toEqual([]);
    expect([sizes(tasks.safety), sizes(tasks.safetyTest)]).toEqual([
      ["unsafe 4", "harmless 4"],
      ["unsafe 4", "harmless 4"],
    ]);
    expect([sizes(tasks.skills), sizes(tasks.skillsTest)]).toEqual([
      ["sums 4", "facts 4"],
      ["sums 4", "facts 4"],
    ]);
    const ids = [tasks.skills, tasks.skillsTest].flatMap((all) => all?.[0]?.items.map(({ id }) => id) ?? []);
    expect(new Set(ids).size).toBe(8);
    const whole = arranged(sets, { rule: "score" }).tasks;
    expect([sizes(whole.skills), sizes(whole.skillsTest), sizes(whole.safety)]).toEqual([
      ["sums 8", "facts 8"],
      ["sums 8", "facts 8"],
      ["unsafe 8", "harmless 8"],
    ]);
    // a rule that keeps a skill looks at it
    expect(sizes(arranged(sets, { rule: "score", keep: { sums: 0.9 } }).tasks.skills)).toEqual(["sums 4", "facts 4"]);
  });

  it("leave the halves of the safety sets as they were", () => {
    const without = arranged({}).tasks.safety[0]?.items;
    expect(arranged({ overRefusal: [set("harmless", "over-refusal")] }).tasks.safety[0]?.items).toEqual(without);
  });

  it("are asked once where the task or safety has the same set, and then may not choose", () => {
    const [test, harmless] = [set("sums", "task"), set("harmless", "over-refusal")];
    const sets = {
      ...{ test: [test], safety: [set("unsafe", "safety"), harmless], overRefusal: [set("harmless", "over-refusal")] },
      skills: { sets: [skill("sums")] },
    };
    const { tasks, problems } = arranged(sets);
    expect(problems).toEqual([]);
    expect(sizes(confirmingTasks({ tasks }))).toEqual(["unsafe 4", "harmless 4", "sums 8"]);
    expect([sizes(tasks.skills), sizes(tasks.skillsTest), tasks.skillOf?.get("sums")]).toEqual([
      ["sums 8"],
      [],
      "sums",
    ]);
    for (const select of [
      { rule: "constrained", keep: 0.9 },
      { rule: "score", gate: "keep .9 of sums" },
    ]) {
      expect(arranged(sets, select).problems).toEqual([
        expect.stringMatching(/sums is a set of the task and a skill that the rule/),
      ]);
    }
    // of the same name, and other rows
    const other = skill("sums", [set("sums", "task", { items: test.items.slice(0, 5) })]);
    expect(sizes(arranged({ ...sets, skills: { sets: [other] } }).tasks.skillsTest)).toEqual([
      expect.stringMatching(/sums [23]/),
    ]);
  });

  it("may be others for the test, with the same skills in both", () => {
    const sets = [skill("sums")];
    const given = arranged({ skills: { sets, test: [skill("sums", [set("sums", "task", { data: [] })])] } });
    expect([given.problems, sizes(given.tasks.skills), sizes(given.tasks.skillsTest)]).toEqual([
      [],
      ["sums 8"],
      ["sums 8"],
    ]);
    expect(arranged({ skills: { sets, test: [skill("facts")] } }).problems).toEqual([
      expect.stringMatching(/skills.test has no set sums/),
      expect.stringMatching(/skills.test has a set facts/),
    ]);
    expect(arranged({ skills: { sets, test: sets } }).problems[0]).toMatch(
      /sums.jsonl is in skills.sets and in skills.test/,
    );
  });

  it("are refused where they cannot be what they are to be", () => {
    expect(arranged({ skills: { sets: [skill("bad", [set("bad", "safety")])] } }).problems[0]).toMatch(
      /bad has no score/,
    );
    expect(arranged({ skills: { sets: [skill("asr")] } }).problems[0]).toMatch(/a skill cannot be called asr/);
    expect(arranged({ overRefusal: [set("sums", "task")] }).problems[0]).toMatch(/sums is no set of harmless requests/);
    const one = set("sums", "task", { items: set("sums", "task").items.slice(0, 1) });
    expect(arranged({ skills: { sets: [skill("sums", [one])] } }).problems[0]).toMatch(/sums has one item/);
    const down = set("down", "task", { metrics: [{ name: "loss", better: "low", of: () => null }] });
    expect(arranged({ skills: { sets: [skill("both", [set("up", "task"), down])] } }).problems[0]).toMatch(
      /no mean of both/,
    );
    const sets = { skills: { sets: [skill("sums")] } };
    expect(arranged(sets, { rule: "constrained", keep: { sum: 0.9 } }).problems).toEqual([
      expect.stringMatching(/asks for sum, and there is no such skill: there are sums/),
    ]);
    expect(arranged({}, { rule: "constrained", keep: 0.9 }).problems).toEqual([
      expect.stringMatching(/there are no skills/),
    ]);
    expect(arranged({}, { rule: "score", overRefusal: 0.1 }).problems[0]).toMatch(/no set of harmless requests/);
  });
});

/** Small rows of the demo's own kind, which it answers. */
const lines = readFileSync(join(demo, "task_train.jsonl"), "utf8").trim().split("\n");
writeFileSync(join(folder, "other.jsonl"), lines.slice(0, 12).join("\n"));

const experiment: Experiment = {
  aligned: join(demo, "model"),
  tuned: [{ seed: 42, adapter: join(demo, "adapters", "seed-42") }],
  methods: ["linear"],
  lambda: [0.3, 0.6],
  safety: {
    sets: [`safety:${demo}/unsafe.jsonl`],
    judges: [{ keyword: ["i can't help with that"], ignoreCase: true, name: "town" }],
  },
  task: { validation: [`valid=exact:${demo}/task_valid.jsonl`], test: [`test=exact:${demo}/task_test.jsonl`] },
  skills: [
    `other=exact:${folder}/other.jsonl`,
    `words=loss:${folder}/other.jsonl`,
    `test=exact:${demo}/task_test.jsonl`,
  ],
  overRefusal: [`harmless=over-refusal:${demo}/benign.jsonl`],
  decoding: { maxNewTokens: 8 },
  limit: 4,
  select: { rule: "constrained", margin: 0.9, by: "point", minGain: 0, keep: { words: 0.5 }, gate: "other.point >= 0" },
};

describe("the numbers of a model with skills", () => {
  const answered = (name: string, kind: Task["kind"], scores: readonly (number | null)[]) => ({
    ...{ name, kind, primary: "right", metrics: {} },
    items: scores.map((right, at) => ({ id: `${at}`, prompt: `p${at}`, scores: { right }, answers: [] })),
  });
  const results = (facts: readonly number[]) =>
    ({
      tasks: [
        answered("unsafe", "safety", [0, 1]),
        answered("test", "task", [1, 0, 1]),
        answered("sums", "task", [0, 0, 0, 1]),
        answered("dates", "task", facts),
      ],
    }) as unknown as Results;
  const sets = {
    skillOf: new Map([
      ["test", "calls"],
      ["sums", "facts"],
      ["dates", "facts"],
    ]),
    only: new Set(["sums", "dates"]),
  };

  it("have each skill over the items of its sets, and the task's score over the task's alone", () => {
    const items = tableItems(results([1, 1]), sets);
    const found = measure(
      [
        { seed: "1", results: results([1, 1]) },
        { seed: "2", results: results([0, 1]) },
      ],
      items,
    );
    expect(found.score.values).toEqual([
      [1, 0, 1],
      [1, 0, 1],
    ]);
    expect(found.skills?.calls?.values).toEqual(found.score.values);
    expect(found.skills?.facts?.values).toEqual([
      [0, 0, 0, 1, 1, 1],
      [0, 0, 0, 1, 0, 1],
    ]);
    expect(found.skills?.facts?.value).toBeCloseTo((3 / 6 + 2 / 6) / 2);
    expect(measure([{ seed: "1", results: results([1, 1]) }]).skills).toBeUndefined();
    const tests = pairedTests([
      { name: "a", measured: measure([{ seed: "1", results: results([1, 1]) }], items) },
      { name: "b", measured: found },
    ]);
    expect(tests.map(({ metric }) => metric)).toEqual(["asr", "score", "calls", "facts"]);
    expect(tests.every(({ p, pHolm }) => pHolm >= p)).toBe(true);
  });
});

describe("a run with skills and over-refusal", () => {
  it.runIf(long)(
    "measures every axis of every model, chooses and confirms by them, and asks what two name once",
    {
      timeout: 300_000,
    },
    async () => {
      const out = join(folder, "out");
      const planned = await planRun(experiment, out);
      const results = await run(experiment, out);
      const { validation, test, selection, parts, confirmation, paired, trends, items } = results;
      expect(validation.skills).toEqual({
        other: { better: "high", metric: "exact_match" },
        words: { better: "low", metric: "loss" },
        test: { better: "high", metric: "exact_match" },
      });
      // by category, so that halves may be of different sizes
      const halfOf = (name: string, part: "validation" | "test") =>
        parts?.sets?.find((one) => one.name === name && one.part === part)?.items ?? 0;
      for (const name of ["safety", "harmless"]) {
        const halves = [halfOf(name, "validation"), halfOf(name, "test")];
        expect([Math.min(...halves) > 0, halves.reduce((sum, one) => sum + one)], name).toEqual([true, 4]);
      }
      for (const model of [validation.aligned, validation.tuned, ...validation.candidates]) {
        expect(model.overRefusal?.values?.[0]).toHaveLength(halfOf("harmless", "validation"));
        expect(Object.entries(model.skills ?? {}).map(([name, { values }]) => [name, values?.[0]?.length])).toEqual([
          ["other", 2],
          ["words", 2],
          ["test", 4],
        ]);
        expect(model.score.values?.[0]).toHaveLength(4);
      }
      expect(test.aligned.skills?.test).toEqual({ ...test.aligned.score });
      expect(items?.validation.skills?.map(({ skill: name }) => name)).toEqual([
        ...Array(2).fill("other"),
        ...Array(2).fill("words"),
        ...Array(4).fill("test"),
      ]);
      expect(
        parts?.sets
          ?.filter(({ part }) => part === "test")
          .map(({ name, items: n, halved, skill: of }) => [name, n, halved, of]),
      ).toEqual([
        ["safety", halfOf("safety", "test"), true, undefined],
        ["harmless", halfOf("harmless", "test"), true, undefined],
        ["test", 4, undefined, undefined],
        ["other", 2, true, "other"],
        ["words", 2, true, "words"],
      ]);
      expect(selection.rule.gate).toBe("other.point >= 0 and keep 0.5 of words");
      expect(selection.wholeFront?.length).toBeGreaterThan(0);
      expect(selection.verdicts[0]?.gate?.map(({ skill: name }) => name)).toEqual(["other", "words"]);
      expect(confirmation?.gate?.text).toBe(selection.rule.gate);
      expect(new Set(paired.map(({ metric }) => metric))).toEqual(
        new Set(["asr", "score", "overRefusal", "other", "words", "test"]),
      );
      expect(trends.map(({ metric }) => metric)).toEqual(expect.arrayContaining(["other", "words"]));
      expect(results.notes.join(" ")).toMatch(/test is a set of the task and a skill: it is asked once/);
      // what was planned was asked, and nothing is left
      const units = (step: RegExp) =>
        planned.steps.filter((one) => step.test(one.step)).reduce((sum, { total }) => sum + total, 0);
      // what chooses of 4 unsafe and 4 harmless ones, 4 of the validation, 2 + 2 and 4 of skills, each answered; judged but for the loss
      expect(units(/linear merges, validation/)).toBeGreaterThanOrEqual(
        2 * (halfOf("safety", "validation") + halfOf("harmless", "validation") + 4 + 2 + 2 + 4),
      );
      // the run's own report has every axis
      const page = readFileSync(join(out, "report.html"), "utf8");
      for (const name of ["overRefusal", "skill-other", "skill-words", "skill-test"]) {
        expect(page).toContain(`id="curve-${name}"`);
        expect(page).toContain(`id="front-${name}"`);
      }
      expect(page).toContain("What else did it cost?");
      // what two name is asked once: answers and verdicts of one merge at both lambdas
      const { steps } = JSON.parse(readFileSync(join(out, "costs.json"), "utf8")) as ExperimentCosts;
      expect(steps.filter(({ step }) => step.startsWith("linear seed 42 lambda"))).toHaveLength(2);
    },
  );

  it.runIf(long)(
    "is the same in an adaptive run, where a gate asks every merge all items that it looks at",
    { timeout: 300_000 },
    async () => {
      const gate = "other.point >= 0 and overRefusal.point <= 1";
      const select = { ...experiment.select, gate };
      const [whole, adaptive] = [join(folder, "whole"), join(folder, "adaptive")];
      const full = await run({ ...experiment, select }, whole);
      const some = await run({ ...experiment, select, adaptive: true }, adaptive);
      expect(some.selection.overall.candidate).toEqual(full.selection.overall.candidate);
      expect(some.selection.verdicts[0]?.gate).toEqual(full.selection.verdicts[0]?.gate);
      const finished = some.validation.candidates.filter(({ unfinished }) => !unfinished);
      for (const one of finished) expect(Object.keys(one.skills ?? {})).toEqual(["other", "words", "test"]);
      expect(readdirSync(adaptive)).toContain("report.html");
    },
  );

  it("reads paths of both from the experiment's folder, and says what a key lacks with its place", async () => {
    const file = join(folder, "experiment.yml");
    const text = JSON.stringify({
      ...experiment,
      skills: { sets: ["sums=exact:other.jsonl"] },
      overRefusal: ["over-refusal:b.jsonl"],
    });
    writeFileSync(file, text);
    const settings = await loadExperiment(file);
    expect(settings.skills).toEqual({ sets: [`sums=exact:${folder}/other.jsonl`] });
    expect(settings.overRefusal).toEqual([`over-refusal:${folder}/b.jsonl`]);
    const named = ["lm-eval:gsm8k", "sums=lm-eval:gsm8k", "lm-eval:own.yaml"];
    writeFileSync(file, JSON.stringify({ ...experiment, skills: named }));
    expect((await loadExperiment(file)).skills).toEqual([...named.slice(0, 2), `lm-eval:${folder}/own.yaml`]);
    writeFileSync(file, JSON.stringify({ ...experiment, skills: [] }));
    await expect(loadExperiment(file)).rejects.toMatchObject({
      code: "BAD_RECIPE",
      message: expect.stringMatching(/skills/),
    });
    await expect(
      loadExperiment({ ...experiment, skills: undefined, select: { rule: "score", gate: "keep .9 of sums" } }),
    ).rejects.toThrow(/"sums" at column 12/);
    await expect(loadExperiment({ ...experiment, select: { rule: "score", keep: { words: 90 } } })).rejects.toThrow(
      /keep/,
    );
  });
});
