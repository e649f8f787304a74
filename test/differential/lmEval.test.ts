// Tasks of lm-evaluation-harness against lm-evaluation-harness itself, item by item: the same tiny model, the same made-up rows
// in the columns of the real sets, its own YAML files unchanged. Where it is not installed, nothing runs here.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluate } from "../../lib/evaluate/run/evaluate.js";
import type { Results, TaskResults } from "../../lib/evaluate/run/results.js";
import { openModel } from "../../lib/generate/openModel.js";
import type { Model } from "../../lib/generate/types.js";
import { long } from "../long.js";
import { runPython, whyNoPython } from "../peers.js";
import { dataOf, writeData } from "./lmEval/harnessData.js";

interface Sample {
  readonly doc: number;
  readonly filter: string;
  readonly arguments: readonly (readonly string[])[];
  readonly responses: readonly (readonly unknown[])[];
  readonly scores: Readonly<Record<string, number | readonly number[]>>;
}
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
/** Log-likelihoods of a sum of float32 numbers in another order. */
const TOLERANCE = 2e-3;

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
});

function taskOf({ tasks }: Results, name: string): TaskResults {
  return tasks.find((task) => task.name === name) as TaskResults;
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
