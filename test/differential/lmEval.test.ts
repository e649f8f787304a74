// Tasks of lm-evaluation-harness against lm-evaluation-harness itself, item by item: the same tiny model, the same made-up rows
// in the columns of the real sets, its own YAML files unchanged. Where it is not installed, nothing runs here.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluate } from "../../lib/evaluate/run/evaluate.js";
import type { Results, TaskResults } from "../../lib/evaluate/run/results.js";
import { openSandbox } from "../../lib/evaluate/sandbox/openSandbox.js";
import { promptDigest } from "../../lib/evaluate/tasks/context.js";
import { openModel } from "../../lib/generate/openModel.js";
import type { Model } from "../../lib/generate/types.js";
import { long } from "../long.js";
import { packageFolder, peersFolder, runPython, whyNoPython } from "../peers.js";
import { CannedModel } from "../unit/evaluate/cannedModel.js";
import { dataOf, writeBbhData, writeData } from "./lmEval/harnessData.js";
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
const nltk = process.env.NLTK_DATA ?? join(peersFolder, "nltk");
const missing = !long
  ? "the long form only"
  : (whyNoPython("torch", "transformers", "lm_eval", "sacrebleu", "nltk", "langdetect", "immutabledict") ??
    (existsSync(join(nltk, "tokenizers", "punkt_tab")) ? undefined : "no punkt_tab: npm run setup:peers"));

/** Tasks that write, and their data sets. */
const WRITTEN: Readonly<Record<string, string>> = {
  gsm8k: "openai/gsm8k",
  gsm8k_cot: "openai/gsm8k",
  [BBH]: "SaylorTwift/bbh",
  ifeval: "google/IFEval",
  ...(noSandbox === "" && { mbpp: "google-research-datasets/mbpp" }),
};

/** Where these tasks are in the package. */
const FOLDERS = [
  ...["arc", "hellaswag", "mmlu/default", "truthfulqa", "winogrande"],
  ...["gsm8k", "bbh/cot_fewshot", "ifeval", "mbpp"],
];

/** What the harness is asked, all by one process: what takes longest is that it begins. */
const REQUESTS = {
  choices: { model: "tiny", tasks: Object.keys(CHOICE_TASKS) },
  written: { model: "tiny", tasks: Object.keys(WRITTEN), limit: 2, length: 48 },
  // its context is too short for examples, and its generation_config.json ends answers after 24 tokens
  demo: { model: "demo", tasks: Object.keys(WRITTEN), limit: 3, fewshot: 0, length: 24 },
  canned: { answers: "answers", tasks: ["gsm8k", "gsm8k_cot", BBH, "ifeval"] },
  programs: { answers: "programs", tasks: ["mbpp"] },
  bbh: { answers: "answers", tasks: ["bbh_cot_fewshot"], data: "bbh" },
};

describe.skipIf(missing)(`lm-evaluation-harness's own tasks${missing ? `: ${missing}` : ""}`, () => {
  let folder: string;
  let data: string;
  let model: Model;
  let theirs: Readonly<Record<keyof typeof REQUESTS, Harness>>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "retemper-lm-eval-"));
    const write = (name: string, value: unknown): string => {
      writeFileSync(join(folder, name), JSON.stringify(value));
      return join(folder, name);
    };
    data = join(folder, "data");
    writeData(data);
    const places: Readonly<Record<string, string>> = {
      ...{ tiny: join(folder, "model"), demo: resolve("demo/model"), bbh: join(folder, "bbh") },
      ...{ answers: write("answers.json", { "": ANSWERS }), programs: write("programs.json", { "": PROGRAMS }) },
    };
    writeBbhData(join(folder, "bbh"));
    const texts = write("texts.json", [readFileSync(join(SCRIPTS, "harnessData.ts"), "utf8")]);
    const make = [join(folder, "model"), "7", texts];
    const requests = Object.values(REQUESTS).map((request) =>
      Object.fromEntries(
        Object.entries(request).map(([key, value]) => [key, typeof value === "string" ? places[value] : value]),
      ),
    );
    const request = write("request.json", { data, nltk, folders: FOLDERS, make, requests });
    runPython(join(SCRIPTS, "runHarness.py"), [request, join(folder, "out.json")]);
    const made = JSON.parse(readFileSync(join(folder, "out.json"), "utf8")) as readonly Harness[];
    theirs = Object.fromEntries(Object.keys(REQUESTS).map((name, at) => [name, made[at]])) as typeof theirs;
    model = await openModel(join(folder, "model"));
  }, 600_000);
  afterAll(async () => {
    await model?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const suiteOf = (names: readonly string[]) => names.map((name) => `lm-eval:${name}`);
  const dataFor = (sets: Readonly<Record<string, string>>) =>
    ({
      ...Object.fromEntries(Object.entries(sets).map(([name, set]) => [name, dataOf(data, set)])),
      "lm-eval": packageFolder("lm_eval"),
    }) as Record<string, string>;
  const code = { allowCodeExecution: true };

  it("are scored alike, choice by choice and item by item", async () => {
    const names = Object.keys(CHOICE_TASKS);
    const ours = await evaluate(model, suiteOf(names), { data: dataFor(CHOICE_TASKS) });
    for (const name of names) compareTask(theirs.choices, ours, name);
  }, 300_000);

  it("are written and read alike by the same model", async () => {
    const names = Object.keys(WRITTEN);
    const ours = await evaluate(model, suiteOf(names), {
      ...{ limit: 2, data: dataFor(WRITTEN), code },
      decoding: { maxNewTokens: 48 },
    });
    for (const name of names) compareWritten(theirs.written, ours, name);
  }, 600_000);

  it("are written and read alike by a model that was trained", async () => {
    const names = Object.keys(WRITTEN);
    const demo = await openModel("demo/model");
    const ours = await evaluate(demo, suiteOf(names), {
      ...{ limit: 3, data: dataFor(WRITTEN), code },
      ...{ lmEval: { fewshot: 0 }, decoding: { maxNewTokens: 24 } },
    });
    await demo.close();
    for (const name of names) compareWritten(theirs.demo, ours, name);
  }, 600_000);

  it("read the same answers alike, whatever they are", async () => {
    const names = REQUESTS.canned.tasks;
    const ours = await evaluate(cannedBy(theirs.canned), suiteOf(names), { data: dataFor(WRITTEN) });
    for (const name of names) compareWritten(theirs.canned, ours, name);
    const right = ours.tasks.flatMap(({ items }) => items.map(({ scores }) => Object.values(scores)[0]));
    expect(right).toContain(1);
    expect(right).toContain(0);
  }, 600_000);

  it.skipIf(noSandbox)(
    `run the same programs with the same outcome${noSandbox ? `: ${noSandbox}` : ""}`,
    async () => {
      const ours = await evaluate(cannedBy(theirs.programs), "lm-eval:mbpp", { data: dataFor(WRITTEN), code });
      compareWritten(theirs.programs, ours, "mbpp");
      expect(taskOf(ours, "mbpp").items.map(({ scores }) => scores.pass_at_1)).toEqual([1, 0, 1, 0, 0, 1]);
    },
    600_000,
  );

  it("are what `bbh` asks, all 27 of them: the mean over its subtasks is that of the harness's numbers", async () => {
    const ours = await evaluate(cannedBy(theirs.bbh), `bbh:${join(folder, "bbh")}`, {
      data: { "lm-eval": packageFolder("lm_eval") },
    });
    const { items, metrics, categories } = taskOf(ours, "bbh");
    const groups = Object.keys(theirs.bbh.tasks);
    expect(groups).toHaveLength(27);
    expect(items).toHaveLength(2 * groups.length);
    for (const group of groups) {
      const subtask = group.replace("bbh_cot_fewshot_", "");
      for (const { doc, arguments: asked, scores } of theirs.bbh.tasks[group] as readonly Sample[]) {
        const item = items.find(({ id }) => id === `${subtask}/${doc}`);
        expect(item?.prompt, `${subtask} ${doc}`).toBe(promptDigest(asked[0]?.[0] as string));
        expect(item?.scores.exact_match, `${subtask} ${doc}`).toBe(scores.exact_match);
      }
      const number = theirs.bbh.results[group]?.["exact_match,get-answer"] as number;
      expect(categories[subtask]?.exact_match?.value).toBeCloseTo(number, 12);
    }
    const numbers = groups.map((group) => theirs.bbh.results[group]?.["exact_match,get-answer"] as number);
    expect(new Set(numbers).size).toBeGreaterThan(1);
    const mean = numbers.reduce((sum, one) => sum + one, 0) / groups.length;
    expect(metrics.macro_exact_match?.value).toBeCloseTo(mean, 12);
    const whole = theirs.bbh.results.bbh_cot_fewshot?.["exact_match,get-answer"] as number;
    expect(metrics.exact_match?.value).toBeCloseTo(whole, 12);
  }, 600_000);
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
