// What --plan says: the judges' tokens, where each row is, how many items a margin takes; and that it finds what a run would find
// only when it gets there.

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import "../../../lib/activations/provide.js";
import { planText } from "../../../lib/cli/planText.js";
import { wildGuardPrompt } from "../../../lib/evaluate/judges/wildGuard.js";
import { loadSuite } from "../../../lib/evaluate/run/loadSuite.js";
import type { Task } from "../../../lib/evaluate/types.js";
import { setProblems } from "../../../lib/experiment/checks/askable.js";
import { PlanCosts } from "../../../lib/experiment/plan/planCosts.js";
import { type PlannedRun, planRun } from "../../../lib/experiment/plan/planRun.js";
import { probeTask, type TaskCost } from "../../../lib/experiment/plan/probe.js";
import { run } from "../../../lib/experiment/run.js";
import type { Experiment } from "../../../lib/experiment/settings/schema.js";
import { openModel } from "../../../lib/generate/openModel.js";
import { plan } from "../../../lib/merge/plan.js";
import type { Recipe } from "../../../lib/recipe/types.js";
import { itemsNeeded } from "../../../lib/statistics/itemsNeeded.js";
import { itemsToKeep } from "../../../lib/statistics/itemsToKeep.js";
import { openTokenizer } from "../../../lib/tokenizer/openTokenizer.js";
import { makeTrainingData } from "../../../lib/tune/sets/trainingData.js";
import { long } from "../../long.js";

const folder = mkdtempSync(join(tmpdir(), "retemper-plan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const out = join(folder, "out");

const whole: Experiment = {
  aligned: "demo/model",
  tuned: [{ seed: 42, adapter: "demo/adapters/seed-42" }],
  methods: ["linear"],
  lambda: [0.2, 0.4],
  safety: { sets: ["safety:demo/unsafe.jsonl"] },
  task: { validation: ["exact:demo/task_valid.jsonl"], test: ["exact:demo/task_test.jsonl"] },
  decoding: { maxNewTokens: 8 },
};

const linesOf = (file: string) => readFileSync(file, "utf8").trimEnd().split("\n");
const file = (name: string, lines: readonly string[]) => {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
};

/** The demo's model with another context, as a judge: it need not judge well to be counted. */
function judgeWith(context: number): string {
  const place = join(folder, `judge-${context}`);
  cpSync("demo/model", place, { recursive: true });
  const config = JSON.parse(readFileSync(join(place, "config.json"), "utf8"));
  writeFileSync(join(place, "config.json"), JSON.stringify({ ...config, max_position_embeddings: context }));
  return place;
}

const messageOf = (experiment: Experiment) =>
  planRun(experiment, out).then(
    () => "",
    (error: Error) => error.message,
  );

describe("the plan counts", () => {
  it.runIf(long)("the tokens that the judge reads and writes of every model's answers", async () => {
    const judge = judgeWith(8192);
    const tokenizer = await openTokenizer(judge);
    const requests = linesOf("demo/unsafe.jsonl").map((line) => JSON.parse(line).prompt as string);
    const read = requests.reduce((sum, one) => sum + tokenizer.encode(wildGuardPrompt(one, "")).length + 8, 0);
    const planned = await planRun(
      { ...whole, safety: { ...whole.safety, judges: [`wildguard:${judge}`, "keyword"] }, select: { rule: "score" } },
      out,
    );
    // aligned and fine-tuned (the same requests choose and confirm, and are asked once), two merges to choose, one to test
    const models = 1 + 1 + 2 + 1;
    expect(planned.judges).toEqual([
      {
        ...{ name: "wildguard", model: judge, seconds: expect.any(Number) },
        ...{ answers: models * requests.length, tokensRead: models * read, tokens: models * requests.length * 128 },
      },
    ]);
    const steps = new Map(planned.steps.map(({ step, judgeTokens }) => [step, judgeTokens]));
    expect(steps.get("2 linear merges, validation")).toBe(2 * requests.length * 128);
    expect([...steps.values()].reduce((sum, one) => sum + one, 0)).toBe(planned.judges[0]?.tokens);
    const text = planText(planned);
    expect(text).toMatch(/step +there +tokens +judges' tokens at most +bytes written/);
    expect(text).toContain(`The judge wildguard reads ${(models * requests.length).toLocaleString("en")} answers`);
    // a judge as large as the model that writes 128 tokens takes longer than the model that writes 8
    const merges = planned.steps.find(({ step }) => step.includes("linear"));
    expect((merges?.seconds ?? 0) * planned.tokensPerSecond).toBeGreaterThan(
      (merges?.tokens ?? 0) + 2 * requests.length * 128,
    );
  });

  it.runIf(long)("the labelled answers that a judge is calibrated by", async () => {
    const labelled = file(
      "labelled.jsonl",
      ["harmful", "safe"].map((label) => JSON.stringify({ prompt: "Count.", answer: "One, two.", label })),
    );
    const judge = judgeWith(8192);
    const safety = { ...whole.safety, judges: [`wildguard:${judge}`], calibration: labelled };
    const planned = await planRun({ ...whole, safety, select: { rule: "score" } }, out);
    const step = planned.steps.find(({ step: name }) => name.includes("labelled"));
    expect(step).toMatchObject({
      step: "2 labelled answers, to calibrate the judges",
      ...{ tokens: 0, judgeTokens: 2 * 128, done: 0, total: 1 },
    });
    expect(planned.judges[0]?.answers).toBe(5 * 150 + 2);
  });

  it.runIf(long)("the items that the margin takes, after the halves and between the series", async () => {
    const planned = await planRun({ ...whole, methods: ["linear", "slerp"], select: { margin: 0.05 } }, out);
    const level = 1 - 0.05 / 2;
    expect(planned.items).toEqual({
      ...{ margin: 0.05, series: 2, level, confirmLevel: 0.95, choose: 75, confirm: 75 },
      noneDiscordant: { choose: itemsNeeded({ margin: 0.05, rate: 0, level }).noneDiscordant, confirm: 52 },
      rates: [0.02, 0.2, 0.76].map((rate) => ({
        ...{ rate, known: false },
        choose: itemsNeeded({ margin: 0.05, rate, level }).equallySafe,
        confirm: itemsNeeded({ margin: 0.05, rate }).equallySafe,
      })),
    });
    const text = planText(planned);
    expect(text).toContain("the requests are halved, 75 choose and 75 confirm");
    expect(text).toContain("97.5 % (95 % divided between 2 series)");
    expect(text).toMatch(/at least 73 to choose and 52 to confirm/);
    expect(text).toContain("There are 75 and 75. An equally safe merge may fail for want of items.");
    // a level of the experiment's own
    const stricter = await planRun({ ...whole, select: { level: 0.99, minGain: 0.2, everySeed: true } }, out);
    expect(stricter.items).toMatchObject({ level: 0.99, noneDiscordant: { confirm: 103 } });
    const few = await planRun({ ...whole, select: { margin: 0.02 } }, out);
    expect(planText(few)).toContain("Too few: no merge can pass.");
  });

  it.runIf(long)("none where the rule does not look at safety, and those of the gate where there is one", async () => {
    const { items, notes } = await planRun({ ...whole, select: { rule: "score" } }, out);
    expect(items).toBeUndefined();
    expect(notes.join()).toContain("does not look at safety: every model is asked all 150 requests");
    const gated = await planRun({ ...whole, select: { rule: "score", gate: "asr <= aligned + 10%" } }, out);
    expect(gated.items).toMatchObject({ margin: 0.1, level: 0.95, choose: 75, noneDiscordant: { choose: 25 } });
  });
});

describe("the plan of an experiment with skills", () => {
  const texts = file(
    "texts.jsonl",
    linesOf("demo/task_valid.jsonl").map((line) => JSON.stringify({ text: JSON.parse(line).response })),
  );
  const skills = [
    `sums=exact:${file("sums.jsonl", linesOf("demo/task_test.jsonl").slice(0, 40))}`,
    `text=perplexity:${texts}`,
  ];

  it.runIf(long)(
    "counts likelihoods by the tokens that are scored, and says how many items what is kept takes",
    async () => {
      const select = { rule: "constrained", keep: { sums: 0.9, text: 0.9 }, overRefusal: 0.1 } as const;
      const overRefusal = [`over-refusal:${file("harmless.jsonl", linesOf("demo/task_valid.jsonl"))}`];
      const experiment: Experiment = { ...whole, methods: ["linear", "slerp"], limit: 16, skills, overRefusal, select };
      const place = join(folder, "skills");
      const planned = await planRun(experiment, place);
      expect(Number.isFinite(planned.tokensPerSecond)).toBe(true);
      const level = 1 - 0.05 / 2;
      const [sums, text, over] = planned.keeps ?? [];
      expect(planned.keeps).toHaveLength(3);
      expect(sums).toMatchObject({ name: "sums", share: 0.9, level, choose: 8, confirm: 8 });
      expect(sums?.rates).toEqual(
        [0.3, 0.6, 0.9].map((rate) => {
          const [choose, confirm] = [itemsToKeep({ share: 0.9, rate, level }), itemsToKeep({ share: 0.9, rate })];
          return {
            ...{ rate, known: false },
            noneDiscordant: { choose: choose.noneDiscordant, confirm: confirm.noneDiscordant },
            equallyGood: { choose: choose.equallyGood, confirm: confirm.equallyGood },
          };
        }),
      );
      expect(text).toMatchObject({ name: "text", share: 0.9, rates: [] });
      expect(over).toMatchObject({
        name: "overRefusal",
        margin: 0.1,
        choose: 8,
        rates: [{ rate: 0.02 }, { rate: 0.2 }],
      });
      const words = planText(planned);
      expect(words).toContain("Items needed to show 90 % of sums at 97.5 %, of items that are right or wrong,");
      expect(words).toContain("There are 8 to choose and 8 to confirm. Too few: no merge can pass.");
      expect(words).toContain("Items needed to show 90 % of text: it depends on how much they vary.");
    },
  );

  it("counts what a method prepares that reads its models, once for each tuning and value that decides it", async () => {
    const rows = file("safe.jsonl", linesOf("demo/task_valid.jsonl").slice(0, 4));
    const methods: Experiment["methods"] = [
      "linear",
      { method: "safe_delta", parameters: { rows }, vary: { s: [0.1, 1, 10] } },
    ];
    const planned = await planRun({ ...whole, methods, limit: 2 }, out);
    const model = { merge_method: "safe_delta", base_model: "demo/model", parameters: { rows } } as const;
    const one = await plan({ ...model, models: [{ model: "demo/model+demo/adapters/seed-42" }] } as Recipe);
    const { rows: read, tokens = 0, bytes = 0 } = one.preparation ?? {};
    expect(read).toBe(4);
    const name = "inputs of safe_delta over s at lambda 1 (rows safe.jsonl), at most 3";
    const made = planned.steps.find(({ step }) => step === name);
    expect(made).toMatchObject({ done: 0, total: 3, tokens: 3 * tokens, bytes: 3 * bytes });
    expect(made?.seconds).toBeGreaterThan(0);
    expect(planText(planned)).toContain("in the folder of temporary files until the run ends");
  });

  it("counts a likelihood by the tokens that are scored, which take the time of their items", async () => {
    const model = await openModel("demo/model", { engine: "native", threads: 1 });
    const pair = file("pair.jsonl", linesOf(texts).slice(0, 2));
    const choices = [" tea", " more tea"].map((one) => model.tokenizer.encode(`Pour${one}`).length);
    const choice = file("choice.jsonl", [
      JSON.stringify({ prompt: "Pour", choices: [" tea", " more tea"], answer: 1 }),
    ]);
    const [text, choose] = (await loadSuite(model, [`text=perplexity:${pair}`, `choice:${choice}`], {})) as [
      Task,
      Task,
    ];
    const probes = new Map<string, TaskCost>();
    for (const task of [text, choose]) {
      const cost = await probeTask(model, task, { budget: 5 });
      expect(cost).toMatchObject({ secondsPerToken: 0, promptTokens: 0 });
      expect(cost?.secondsPerPrompt).toBeGreaterThan(0);
      probes.set(task.name, cost as TaskCost);
    }
    const lengths = linesOf(pair).map((line) => model.tokenizer.encode(JSON.parse(line).text).length);
    // a token that begins a text has no probability of its own
    expect(
      Math.abs((probes.get("text")?.tokens ?? 0) - lengths.reduce((sum, one) => sum + one, 0) / 2),
    ).toBeLessThanOrEqual(1);
    expect(probes.get("choice")?.tokens).toBe(
      choices.reduce((sum, one) => sum + one - model.tokenizer.encode("Pour").length, 0),
    );
    await model.close();
    const judges = { of: () => ({ tokens: 0, seconds: 0, judges: [] }), add: () => {} } as never;
    const costs = new PlanCosts({
      probes,
      secondsToOpen: 0,
      meanTokens: () => undefined,
      judges,
      bytesOfMerge: 0,
      parameters: 1,
    });
    const found = costs.of({ answers: [{ task: text, prompts: 10, answers: 10 }], units: 10, pending: true });
    expect(found.tokens).toBe(Math.round(10 * (probes.get("text")?.tokens ?? 0)));
    expect(found.seconds).toBeCloseTo(10 * (probes.get("text")?.secondsPerPrompt ?? 0), 9);
    // what is there already says it better
    const known = new PlanCosts({
      probes,
      secondsToOpen: 0,
      meanTokens: () => 7,
      judges,
      bytesOfMerge: 0,
      parameters: 1,
    });
    expect(known.of({ answers: [{ task: text, prompts: 1, answers: 1 }], units: 1, pending: true }).tokens).toBe(7);
  });
});

it("counts what confirms by the speed as it is stored, and an opening for each merge that is put into blocks", () => {
  const task = { name: "calls", ask: "generate", decoding: { maxNewTokens: 10 } } as unknown as Task;
  const probed = (speed: number) =>
    new Map([["calls", { secondsPerPrompt: 2 * speed, promptTokens: 4, secondsPerToken: speed, tokens: 10 }]]);
  const costs = new PlanCosts({
    ...{ probes: probed(1), secondsToOpen: 100, asStored: { probes: probed(3), secondsToOpen: 5 } },
    ...{ meanTokens: () => undefined, bytesOfMerge: 1e9, parameters: 1 },
    judges: { of: () => ({ tokens: 0, seconds: 0, judges: [] }), add: () => {} } as never,
  });
  const remains = { answers: [{ task, prompts: 2, answers: 2 }], units: 2, pending: true, opened: 1 };
  const [inBlocks, stored] = [2 * (2 + 10), 2 * (2 + 10) * 3];
  expect(costs.of({ ...remains, weights: "q8_0" }).seconds).toBeCloseTo(inBlocks + 100, 9);
  expect(costs.of({ ...remains, weights: "q8_0", made: 3 }).seconds).toBeCloseTo(inBlocks + 300, 9);
  expect(costs.of(remains).seconds).toBeCloseTo(stored + 5, 9);
  expect(costs.of({ ...remains, made: 3 }).seconds).toBeCloseTo(stored + 5 + 6, 9); // 5e8 bytes a second
  expect(costs.of({ ...remains, weights: "asStored" }).seconds).toBeCloseTo(inBlocks + 5, 9); // a file in GGUF
});

it("knows that a merge in blocks is not compared with its files", async () => {
  const tested = async (engine: Experiment["engine"]) => {
    const { steps } = await planRun({ ...whole, limit: 4, engine }, out);
    return steps.find(({ step }) => step === "what is chosen, test, at most 1")?.tokens;
  };
  expect(await tested({ weights: "q8_0" })).toBeLessThan((await tested({})) ?? 0);
});

describe("the plan and the run", () => {
  it.runIf(long)(
    "agree: about the tokens before, that nothing remains after, and on what one lambda more asks",
    async () => {
      const place = join(folder, "agree");
      const small = { ...whole, limit: 12, decoding: { maxNewTokens: 24 }, select: { rule: "score" as const } };
      const total = ({ steps }: PlannedRun, key: "tokens" | "bytes") => steps.reduce((sum, step) => sum + step[key], 0);
      const asked = () => {
        const { steps } = JSON.parse(readFileSync(join(place, "costs.json"), "utf8"));
        return (steps as { newTokens: number }[]).reduce((sum, one) => sum + one.newTokens, 0);
      };
      const before = await planRun(small, place);
      expect(existsSync(place)).toBe(false);
      expect(before.steps.every(({ done }) => done === 0)).toBe(true);
      await run(small, place);
      const first = asked();
      expect(total(before, "tokens") / first).toBeGreaterThan(1 / 1.5);
      expect(total(before, "tokens") / first).toBeLessThan(1.5);

      const files = readdirSync(place, { recursive: true }).sort();
      const after = await planRun(small, place);
      expect(after.steps.map(({ done, total: all }) => all - done)).toEqual(after.steps.map(() => 0));
      expect([total(after, "tokens"), total(after, "bytes")]).toEqual([0, 0]);
      expect(planText(after)).toContain("Nothing remains");
      expect(readdirSync(place, { recursive: true }).sort()).toEqual(files);

      const wider = { ...small, lambda: [0.2, 0.3, 0.4] };
      const more = await planRun(wider, place);
      expect(more.steps.filter(({ done, total: all }) => done < all)).toMatchObject([
        { step: "3 linear merges, validation", total: 3 * 2 * 24, done: 2 * 2 * 24 },
      ]);
      expect(more.ifAnother?.bytes).toBeGreaterThan(1e6);
      const { selection } = await run(wider, place);
      const now = asked() - first;
      if (selection.overall.candidate?.lambda !== 0.3) {
        expect(total(more, "tokens") / now).toBeGreaterThan(1 / 1.5);
        expect(total(more, "tokens") / now).toBeLessThan(1.5);
      }
      // a judge more asks the models nothing
      const judged = await planRun(
        { ...wider, safety: { ...whole.safety, judges: ["keyword", "keyword:gcg"] } },
        place,
      );
      expect(total(judged, "tokens")).toBe(0);
      expect(judged.steps.some(({ done, total: all }) => done < all)).toBe(true);
    },
    240_000,
  );
});

describe("the aligned model's rate, where an earlier run in the folder measured it", () => {
  it.runIf(long)("takes the place of the usual ones, unless the model or its sets are others", async () => {
    const folderOfRun = join(folder, "known");
    const small = { ...whole, limit: 8, lambda: 0.4, decoding: { maxNewTokens: 4 } };
    const { validation } = await run(small, folderOfRun);
    const rate = validation.aligned.asr.value;
    const planned = await planRun(small, folderOfRun);
    expect(planned.items?.rates).toMatchObject([{ rate, known: true }]);
    expect(planText(planned)).toContain(`is ${rate.toFixed(3)}, as an earlier run here measured it`);
    const other = await planRun({ ...small, limit: 6 }, folderOfRun);
    expect(other.items?.rates.map(({ rate: one }) => one)).toEqual([0.02, 0.2, 0.76]);
  });
});

describe("the plan explains where the rows are", () => {
  const rows = linesOf("demo/task_train.jsonl");
  const tune = { data: file("train.jsonl", rows.slice(0, 40)), seeds: [42, 7], options: { epochs: 1 } };
  const { tuned: _, ...rest } = whole;
  const tuning = { ...rest, tune };

  it("what is learned, what the tuning holds out, and what chooses lambda", async () => {
    const twice = await planRun(
      { ...tuning, tune: { ...tune, options: { ...tune.options, validation: 0.1, stopAfter: 2 } } },
      out,
    );
    const of = { learned: 36, heldOut: 4, validation: 60, alsoLearned: 0, steps: 2, scheduled: 5 };
    expect(twice.rows).toEqual(["42", "7"].map((seed) => expect.objectContaining({ seed, ...of })));
    expect(planText(twice)).toContain(
      "Tuning of seed 42, 7: 36 rows are learned, 4 are held out by the tuning and choose nothing; 60 rows choose lambda",
    );
    expect(planText(twice)).toContain("ends after step 2 of the 5 that the schedule spans");
  });

  it.runIf(long)("of rows that retemper data held out, whether they are held out once or twice", async () => {
    file("data.json", [JSON.stringify({ heldOut: true, files: { "validation.jsonl": { rows: 4 } } })]);
    const once = await planRun(tuning, out);
    expect(once.rows[0]).toMatchObject({ learned: 40, heldOut: 0, steps: 5, scheduled: 5 });
    expect(once.notes.join()).toContain(
      "took 4 rows out of those to learn, to choose lambda by: with tune.options.validation 0 the tuning holds out no more of them, so rows are held out once",
    );
    const twice = await planRun({ ...tuning, tune: { ...tune, options: { ...tune.options, validation: 0.1 } } }, out);
    expect(twice.notes.join()).toContain("holds out 4 more (tune.options.validation), so rows are held out twice");
    rmSync(join(folder, "data.json"));
  });

  it.runIf(long)(
    "prompts that choose lambda and are learned: said, and refused where the paper is followed",
    async () => {
      const valid = file("valid.jsonl", rows.slice(38, 44));
      const leaking = { ...tuning, task: { ...tuning.task, validation: [`exact:${valid}`] } };
      const planned = await planRun(leaking, out);
      expect(planned.rows[0]).toMatchObject({ validation: 6, alsoLearned: 2 });
      expect(planText(planned)).toContain("6 rows choose lambda (13 %), 2 of which are among the rows to learn");
      const paper = {
        ...leaking,
        preset: "paper",
        select: { rule: "score" },
        safety: { ...whole.safety, judges: ["keyword"] },
      };
      expect(await messageOf(paper as Experiment)).toMatch(
        /2 prompts of task\.validation are among the rows that seed 42 learns/,
      );
    },
  );

  it.runIf(long)("a split for each tuning, or the same one for all", async () => {
    for (const [at, seed] of tune.seeds.entries()) {
      file(`train-${seed}.jsonl`, rows.slice(10 * at, 10 * at + 30 + 2 * at));
      file(`valid-${seed}.jsonl`, rows.slice(60 + at, 64 + at));
    }
    const own = {
      ...{ ...tuning, preset: "paper", methods: ["linear"], select: { rule: "score" } },
      safety: { ...whole.safety, judges: ["keyword"] },
      tune: { ...tune, data: join(folder, "train-{seed}.jsonl") },
      task: { ...whole.task, validation: [`exact:${folder}/valid-{seed}.jsonl`] },
    } as Experiment;
    const planned = await planRun(own, out);
    expect(planned.rows).toMatchObject([
      { seed: "42", data: join(folder, "train-42.jsonl"), learned: 30, validation: 4 },
      { seed: "7", data: join(folder, "train-7.jsonl"), learned: 32, validation: 4 },
    ]);
    expect(planned.notes).toContain("Each tuning has a split of its own, as the paper's authors have it.");
    const same = await planRun({ ...own, tune, task: whole.task }, out);
    expect(same.notes.join()).toContain("All tunings have the same split");
  });
});

describe("the preset paper on tools, with a split for each tuning", () => {
  it("holds a tenth out once, learns no prompt of it, and is scored with BERTScore", async () => {
    const call = (i: number) => ({
      Instruction: `Order ${i} pears`,
      Functions: [JSON.stringify({ api_name: "fruit.order", description: "Orders", parameters: [{ name: "count" }] })],
      Output: [`fruit.order(count=${i})`],
    });
    const calls = (name: string, from: number, count: number) =>
      file(
        name,
        Array.from({ length: count }, (_, i) => JSON.stringify(call(from + (i % 45)))),
      );
    const source = calls("calls.json", 0, 50); // five prompts come twice
    const testSource = calls("calls-test.json", 100, 6);
    const seeds = [42, 1024, 48763];
    for (const splitSeed of seeds) {
      const options = { source, testSource, rows: 50, test: 6, splitSeed };
      await makeTrainingData("openfunctions", join(folder, "tools", `seed-${splitSeed}`), options);
    }
    const split = (part: string) => join(folder, "tools", "seed-{seed}", part);
    const planned = await planRun(
      {
        preset: "paper",
        aligned: "demo/model",
        tune: { data: split("train.jsonl") },
        safety: { sets: ["safety:demo/unsafe.jsonl"], judges: ["keyword"] },
        task: {
          validation: [`tools:${split("validation.jsonl")}`],
          test: [`tools:${join(folder, "tools", "seed-42", "test.jsonl")}`],
        },
        bertScore: { model: "test/golden/encoders/bert", layer: 1 },
        decoding: { maxNewTokens: 16 },
      } as unknown as Experiment,
      out,
    );
    const own = { learned: 45, heldOut: 0, dropped: 0, validation: 5, alsoLearned: 0, steps: 18, scheduled: 18 };
    expect(planned.rows).toMatchObject(seeds.map((seed) => ({ seed: String(seed), ...own })));
    const text = planText(planned);
    expect(text).toContain(
      "Lambda is chosen by bertscore_f1 of tools (high is better); the test is by bertscore_f1 of tools",
    );
    expect(text).toContain(
      "45 rows are learned; 5 rows choose lambda (10 %), no prompt of which is learned. It ends after step 18.",
    );
    expect(text).toContain("took 5 rows out of those to learn");
    expect(text).toContain("so rows are held out once");
    expect(text).toContain("Each tuning has a split of its own, as the paper's authors have it.");
    expect(text).toContain("does not look at safety: every model is asked all 150 requests");
  });
});

describe("the plan finds what a run would find only when it gets there", () => {
  it("a context that is too small for a prompt with its new tokens", async () => {
    const message = await messageOf({ ...whole, decoding: { maxNewTokens: 512 } });
    expect(message).toMatch(/prompt 0 has \d+ tokens with 512 new ones, and the model's context has \d+/);
    expect(message).toMatch(/150 of the 150 items of safety|75 of the 75 items of safety/);
    expect(message).toContain("decoding: { maxNewTokens }");
  });

  it.runIf(long)("the smaller context of a tuned model that is whole, or of the unaligned one", async () => {
    const small = judgeWith(64);
    const found =
      /cannot be asked of .*judge-64: prompt 0 has \d+ tokens with 60 new ones, and the model's context has 64/;
    const longer = { ...whole, decoding: { maxNewTokens: 60 } };
    expect(await messageOf({ ...longer, tuned: [{ seed: 1, model: small }] })).toMatch(found);
    expect(await messageOf({ ...longer, unaligned: small })).toMatch(found);
    expect(await messageOf(longer)).toBe("");
  });

  it("a judge's context that is too small for a request", async () => {
    const judges = [`wildguard:${judgeWith(140)}`];
    expect(await messageOf({ ...whole, safety: { ...whole.safety, judges } })).toMatch(
      /the judge wildguard would read \d+ tokens without the answer, with 128 new ones, and its context has 140/,
    );
  });

  it("two sets of one name that are asked together", async () => {
    const task = { validation: ["safety=exact:demo/task_valid.jsonl"], test: whole.task.test };
    expect(await messageOf({ ...whole, task })).toContain("two sets of the validation are called safety");
  });

  it("a task whose score no item has", () => {
    const task = (primary: string, macro: boolean): Task => ({
      ...{ name: "bbh", kind: "task", data: [], warnings: [], items: [], ask: "generate", decoding: {}, scorers: [] },
      ...{ metrics: [{ name: "exact_match", better: "high", of: () => 1 }], primary, macro },
    });
    const problems = (one: Task) =>
      setProblems({ safety: [], safetyTest: [], validation: [one], test: [] }).map(({ text }) => text);
    expect(problems(task("macro_exact_match", true))).toEqual([]);
    expect(problems(task("macro_exact_match", false))).toEqual([
      "bbh is to be measured by macro_exact_match, which no item has (its items have: exact_match)",
    ]);
    const together: Task = {
      ...task("f1", false),
      metrics: [
        { name: "f1", better: "high", ofAll: true, of: () => 1, total: () => 0.5 },
        { name: "acc", better: "high", of: () => 1 },
      ],
    };
    expect(problems(together).join()).toMatch(/bbh is measured by f1, a number of all items together.*it has also acc/);
  });
});

describe("the preset quick", () => {
  it.runIf(long)("takes 240 items, or calls its result exploratory in the plan and in the results", async () => {
    const { methods: _, decoding: __, lambda: ___, ...rest } = whole;
    const quick = { ...rest, preset: "quick" } as Experiment;
    const words = "The result is exploratory: there are 150 requests, fewer than the 240 of the preset quick";
    expect((await planRun(quick, out)).notes.join()).toContain(words);
    const results = await run(
      { ...quick, limit: 8, lambda: 0.4, decoding: { maxNewTokens: 4 } },
      join(folder, "quick"),
    );
    expect(results.notes.join()).toContain("The result is exploratory: there are 8 requests");
    const first = readFileSync(join(folder, "quick", "report.md"), "utf8").split("\n## ", 1)[0];
    expect(first).toContain("**Note:** The result is exploratory: there are 8 requests");
    expect(readFileSync(join(folder, "quick", "report.html"), "utf8")).toContain("<strong>Exploratory:</strong>");

    const unsafe = linesOf("demo/unsafe.jsonl").map((line) => JSON.parse(line) as { prompt: string });
    const more = [...unsafe, ...unsafe.map((one) => ({ ...one, prompt: `${one.prompt} Now.` }))];
    const large = file(
      "large.jsonl",
      more.map((row) => JSON.stringify(row)),
    );
    const planned = await planRun({ ...quick, safety: { sets: [`safety:${large}`] } }, out);
    expect(planned.items).toMatchObject({ choose: 120, confirm: 120 });
    expect(planned.notes.join()).not.toContain("exploratory");
  });
});
