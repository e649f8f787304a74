// Tasks of lm-evaluation-harness against lm-evaluation-harness itself, item by item: the same tiny model, the same made-up rows
// in the columns of the real sets, its own YAML files unchanged. Where it is not installed, nothing runs here.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluate } from "../../lib/evaluate/run/evaluate.js";
import type { Results, TaskResults } from "../../lib/evaluate/run/results.js";
import { openSandbox } from "../../lib/evaluate/sandbox/openSandbox.js";
import { promptDigest } from "../../lib/evaluate/tasks/context.js";
import { openModel } from "../../lib/generate/openModel.js";
import type { Model } from "../../lib/generate/types.js";
import { long } from "../long.js";
import { runPython, whyNoPython } from "../peers.js";
import { CannedModel } from "../unit/evaluate/cannedModel.js";
import { dataOf, writeData } from "./lmEval/harnessData.js";
import type { Sample } from "./lmEval/sample.js";

interface Harness {
  readonly tasks: Readonly<Record<string, readonly Sample[]>>;
  readonly results: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** By task: its data set. */
const CHOICE_TASKS: Readonly<Record<string, string>> = {
  arc_easy: "allenai/ai2_arc",
  arc_challenge: "allenai/ai2_arc",
  hellaswag: "Rowan/hellaswag",
  mmlu_anatomy: "cais/mmlu",
  truthfulqa_mc1: "truthfulqa/truthful_qa",
  truthfulqa_mc2: "truthfulqa/truthful_qa",
  winogrande: "allenai/winogrande",
};
const SCRIPTS = join(import.meta.dirname, "lmEval");
const BBH = "bbh_cot_fewshot_boolean_expressions";
/** Right ones, wrong ones, and such as are read in odd ways. */
const ANSWERS = [
  " He pays 0.\n#### 0",
  "#### 300.",
  "The answer is $600, of 2.",
  "So the answer is False.",
  "900\n#### -1,200",
  "so it is 1,500.\n\n####1500 and 1,500.",
  "the answer is True\nthe answer is False.",
  "",
  "#### 2,100\n",
  "the answer is not (known).",
];
const PROGRAMS = [
  "def add(a, b):\n    return a + b\n",
  "def in_order(x):\n    return x\n",
  "class Pair:\n    def __init__(self, a):\n        self.a = a\n\ndef first(p):\n    return p.a\n",
  "def add(a, b):\n    return a - b\n",
  "def in_order(x:\n",
  "class Pair:\n    def __init__(self, a):\n        self.a = a\n\nfirst = lambda p: p.a\n",
];
/** Log-likelihoods of a sum of float32 numbers in another order. */
const TOLERANCE = 2e-3;

const noSandbox = !long
  ? "the long form only"
  : await openSandbox({ limits: { memoryBytes: 2 ** 29, processes: 16, fileBytes: 2 ** 24 } }).then(
      () => "",
      (error: Error) => error.message,
    );
const noNltk =
  (long ? undefined : "the long form only") ??
  whyNoPython("nltk", "langdetect", "immutabledict") ??
  (process.env.NLTK_DATA ? undefined : "no punkt_tab: NLTK_DATA");
const missing = !long ? "the long form only" : whyNoPython("torch", "transformers", "lm_eval");

describe.skipIf(missing)(`lm-evaluation-harness's own tasks${missing ? `: ${missing}` : ""}`, () => {
  let folder: string;
  let data: string;
  let model: Model;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "retemper-lm-eval-"));
    data = join(folder, "data");
    writeData(data);
    writeFileSync(join(folder, "texts.json"), JSON.stringify([readFileSync(join(SCRIPTS, "harnessData.ts"), "utf8")]));
    runPython(join(SCRIPTS, "makeModel.py"), [join(folder, "model"), "7", join(folder, "texts.json")]);
    model = await openModel(join(folder, "model"));
  }, 300_000);
  afterAll(async () => {
    await model.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function harness(request: object): Harness {
    writeFileSync(join(folder, "request.json"), JSON.stringify({ data, ...request }));
    runPython(join(SCRIPTS, "runHarness.py"), [join(folder, "request.json"), join(folder, "out.json")]);
    return JSON.parse(readFileSync(join(folder, "out.json"), "utf8")) as Harness;
  }

  it("are scored alike, choice by choice and item by item", async () => {
    const names = Object.keys(CHOICE_TASKS);
    const theirs = harness({ model: join(folder, "model"), tasks: names });
    const ours = await evaluate(
      model,
      names.map((name) => `lm-eval:${name}`),
      {
        data: Object.fromEntries(names.map((name) => [name, dataOf(data, CHOICE_TASKS[name] as string)])),
      },
    );
    for (const name of names) compareTask(theirs, ours, name);
  }, 300_000);

  it("are written and read alike by the same model", async () => {
    const theirs = harness({ model: join(folder, "model"), tasks: ["gsm8k"], limit: 2 });
    const ours = await evaluate(model, "lm-eval:gsm8k", { limit: 2, data: { gsm8k: dataOf(data, "openai/gsm8k") } });
    compareWritten(theirs, ours, "gsm8k");
  }, 600_000);

  it("read the same answers alike, whatever they are", async () => {
    const answers = join(folder, "answers.json");
    writeFileSync(answers, JSON.stringify({ "": ANSWERS }));
    const names = ["gsm8k", "gsm8k_cot", BBH, ...(noNltk ? [] : ["ifeval"])];
    const theirs = harness({ answers, tasks: names });
    const ours = await evaluate(
      cannedBy(theirs),
      names.map((name) => `lm-eval:${name}`),
      {
        data: {
          ...{ gsm8k: dataOf(data, "openai/gsm8k"), gsm8k_cot: dataOf(data, "openai/gsm8k") },
          ...{ [BBH]: dataOf(data, "SaylorTwift/bbh"), ifeval: dataOf(data, "google/IFEval") },
        },
      },
    );
    for (const name of names) compareWritten(theirs, ours, name);
    const right = ours.tasks.flatMap(({ items }) => items.map(({ scores }) => Object.values(scores)[0]));
    expect(right).toContain(1);
    expect(right).toContain(0);
  }, 600_000);

  it.skipIf(noSandbox)(
    `run the same programs with the same outcome${noSandbox ? `: ${noSandbox}` : ""}`,
    async () => {
      const answers = join(folder, "programs.json");
      writeFileSync(answers, JSON.stringify({ "": PROGRAMS }));
      const theirs = harness({ answers, tasks: ["mbpp"] });
      const ours = await evaluate(cannedBy(theirs), "lm-eval:mbpp", {
        data: { mbpp: dataOf(data, "google-research-datasets/mbpp") },
        code: { allowCodeExecution: true },
      });
      compareWritten(theirs, ours, "mbpp");
      expect(taskOf(ours, "mbpp").items.map(({ scores }) => scores.pass_at_1)).toEqual([1, 0, 1, 0, 0, 1]);
    },
    600_000,
  );
});

function taskOf({ tasks }: Results, name: string): TaskResults {
  return tasks.find((task) => task.name === name) as TaskResults;
}

/** Prompts, answers, scores and numbers of a task that writes. */
function compareWritten(theirs: Harness, ours: Results, name: string): void {
  const task = taskOf(ours, name);
  const samples = theirs.tasks[name] as readonly Sample[];
  const filters = [...new Set(samples.map(({ filter }) => filter))];
  expect(samples.length, name).toBe(task.items.length * filters.length);
  const keyOf = (metric: string, filter: string) => (filters.length > 1 ? `${metric}[${filter}]` : metric);
  for (const sample of samples) {
    const item = task.items[sample.doc];
    expect(item?.prompt, `${name} ${sample.doc}`).toBe(promptDigest(sample.arguments[0]?.[0] as string));
    expect(item?.answers[0]?.text, `${name} ${sample.doc}`).toBe((sample.responses[0] as readonly string[])[0]);
    for (const [metric, score] of Object.entries(sample.scores)) {
      const value = Array.isArray(score) ? score.filter((one) => one).length / score.length : Number(score);
      expect(item?.scores[keyOf(metric, sample.filter)], `${name} ${sample.doc} ${metric}`).toBeCloseTo(value, 8);
    }
  }
  const numbers = Object.entries(theirs.results[name] ?? {}).filter(([key]) => /,/.test(key) && !/_stderr/.test(key));
  for (const [key, value] of numbers) {
    const [metric, filter] = key.split(",") as [string, string];
    expect(task.metrics[keyOf(metric, filter)]?.value, `${name} ${key}`).toBeCloseTo(value as number, 8);
  }
  expect(Object.keys(task.metrics)).toHaveLength(numbers.length);
}

/** A model that answers each prompt as the harness's did. */
function cannedBy({ tasks }: Harness): CannedModel {
  const answers = new Map<string, string>();
  for (const {
    arguments: [asked],
    responses,
  } of Object.values(tasks).flat()) {
    answers.set(asked?.[0] as string, (responses[0] as readonly string[])[0] as string);
  }
  return new CannedModel((prompt) => answers.get(prompt) ?? new Error(`nobody was asked ${JSON.stringify(prompt)}`));
}

function compareTask(theirs: Harness, ours: Results, name: string): void {
  const task = taskOf(ours, name);
  const samples = theirs.tasks[name] as readonly Sample[];
  expect(samples.length, name).toBe(task.items.length);
  for (const sample of samples) {
    const item = task.items[sample.doc];
    const answer = item?.answers[0];
    sample.responses.forEach((response, at) => {
      const [[sum, greedy]] = response as unknown as [[number | string, boolean | string]];
      expect(answer?.logLikelihoods?.[at], `${name} ${sample.doc} ${at}`).toBeCloseTo(Number(sum), 2);
      expect(Math.abs((answer?.logLikelihoods?.[at] as number) - Number(sum))).toBeLessThan(TOLERANCE);
      expect(String(answer?.greedy?.[at]).toLowerCase()).toBe(String(greedy).toLowerCase());
    });
    for (const [metric, score] of Object.entries(sample.scores)) {
      expect(item?.scores[metric], `${name} ${sample.doc} ${metric}`).toBeCloseTo(score as number, 4);
    }
  }
  for (const [metric, { value }] of Object.entries(task.metrics)) {
    expect(value, `${name} ${metric}`).toBeCloseTo(theirs.results[name]?.[`${metric},none`] as number, 4);
  }
}
