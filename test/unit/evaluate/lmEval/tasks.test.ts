// Tasks of ours in lm-evaluation-harness's YAML against what lm-evaluation-harness itself asks, and measures, of them
// (test/golden/lmEval/makeTasks.mjs): every context and continuation, every item's score, every number.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadLmEval } from "../../../../lib/evaluate/lmEval/loadLmEval.js";
import { summarise } from "../../../../lib/evaluate/run/summarise.js";
import type { TaskContext } from "../../../../lib/evaluate/tasks/context.js";
import type { Item, ScoredItem, Task } from "../../../../lib/evaluate/types.js";
import { writeData } from "../../../differential/lmEval/harnessData.js";
import type { Sample } from "../../../differential/lmEval/sample.js";

const GOLDEN = join(import.meta.dirname, "../../../golden/lmEval");
const golden = JSON.parse(readFileSync(join(GOLDEN, "tasks.json"), "utf8")) as {
  readonly tasks: Readonly<Record<string, readonly Sample[]>>;
  readonly results: Readonly<Record<string, Readonly<Record<string, number>>>>;
};

const root = mkdtempSync(join(tmpdir(), "retemper-lm-eval-"));
const words = join(root, "data", "retemper--words");
beforeAll(() => writeData(join(root, "data")));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function context(data: Readonly<Record<string, string>>, more: Partial<TaskContext> = {}): TaskContext {
  return { data, model: { systemRole: true, chatTemplate: true }, ...more };
}

function load(name: string, more: Partial<TaskContext> = {}): Promise<Task> {
  return loadLmEval(join(GOLDEN, "tasks", `${name}.yaml`), context({ [name]: words, "lm-eval": GOLDEN }, more), name);
}

/** What lm-evaluation-harness's model was asked of an item: contexts and what is scored behind them, or the one context. */
function askedOf({ prompt, continuations }: Item, writes: boolean): string[][] {
  if (writes) return [[prompt as string]];
  return (continuations ?? []).map(({ context: before, text }) =>
    before === null ? [text] : [before as string, text],
  );
}

/** An item as it is once a model has answered what the harness's model answered. */
function recordOf(item: Item, { responses }: Sample, writes: boolean): ScoredItem {
  if (writes) {
    const texts = (responses[0] as readonly string[]).map((text) => ({ text, tokens: 1 }));
    return { item, answers: texts, values: {} };
  }
  const pairs = responses.map(([first]) => (Array.isArray(first) ? first : [first, false]));
  const logLikelihoods = pairs.map(([sum]) => Number(sum));
  const greedy = pairs.map(([, likeliest]) => String(likeliest) === "True" || likeliest === true);
  return { item, answers: [{ text: "", tokens: 1, logLikelihoods, greedy }], values: {} };
}

function compare(task: Task, name: string, items: readonly Item[] = task.items, prefix = ""): ScoredItem[] {
  const samples = golden.tasks[name] as readonly Sample[];
  const writes = task.ask === "generate";
  const filters = [...new Set(samples.map(({ filter }) => filter))];
  expect(items).toHaveLength(samples.length / filters.length);
  for (const sample of samples) {
    const item = items[sample.doc] as Item;
    expect(item.id).toBe(`${prefix}${sample.doc}`);
    expect(askedOf(item, writes)).toEqual(writes ? [[sample.arguments[0]?.[0]]] : sample.arguments);
    const record = recordOf(item, sample, writes);
    for (const [metric, score] of Object.entries(sample.scores)) {
      if (Array.isArray(score)) continue; // of an aggregation's own, compared by its number
      const key = filters.length > 1 ? `${metric}[${sample.filter}]` : metric;
      const own = task.metrics.find((one) => one.name === key);
      const value = metric === "perplexity" ? Math.exp(-(score as number)) : (score as number);
      expect(own?.of(record), `${name} ${sample.doc} ${key}`).toBeCloseTo(value, 8);
    }
  }
  return samples
    .filter(({ filter }) => filter === filters[0])
    .map((sample) => recordOf(items[sample.doc] as Item, sample, writes));
}

describe("tasks in the harness's YAML", () => {
  const names = ["choice", "yes_no", "likelihood", "rolling", "write", "several", "letters"].map(
    (name) => `words_${name}`,
  );

  it.each(names)("ask and measure what it does: %s", async (name) => {
    const task = await load(name);
    const { metrics } = summarise(task, task.metrics, compare(task, name), 0);
    const theirs = golden.results[name] as Readonly<Record<string, number>>;
    for (const [key, { value }] of Object.entries(metrics)) {
      const [, metric = "", filter = "none"] = /^([^[]+)(?:\[(.+)\])?$/.exec(key) ?? [];
      const found = Object.keys(theirs).find((one) => one === `${metric},${filter}`) ?? `${metric},letters`;
      expect(value, `${name} ${key}`).toBeCloseTo(theirs[found] ?? theirs[`${metric},letter`] ?? Number.NaN, 8);
    }
    expect(Object.keys(metrics)).toHaveLength(
      Object.keys(theirs).filter((key) => /,/.test(key) && !/_stderr/.test(key)).length,
    );
  });

  it("of a group are one task, whose number is the group's", async () => {
    const task = await load("_words_group");
    const parts = ["words_same_split", "words_choice_short"];
    const records = parts.flatMap((name) =>
      compare(
        task,
        golden.tasks[name] ? name : `words_group::${name}`,
        task.items.filter(({ category }) => category === name),
        `${name}/`,
      ),
    );
    expect(records).toHaveLength(task.items.length);
    expect(task.primary).toBe("macro_acc");
    const { metrics } = summarise(task, task.metrics, records, 0);
    expect(metrics.macro_acc?.value).toBeCloseTo(golden.results.words_group?.["acc,none"] as number, 8);
  });
});
