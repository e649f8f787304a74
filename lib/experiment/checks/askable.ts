// What a run would meet only when it gets there: prompts that a model cannot take, sets of one name, a score that no item has.

import { RetemperError } from "../../errors.js";
import { continuationTokens, scoredTokens } from "../../evaluate/run/likelihood.js";
import type { Task } from "../../evaluate/types.js";
import { prepareInput, preparePrompt } from "../../generate/loop/preparePrompts.js";
import { settingsOf } from "../../generate/settings.js";
import type { Model, TextGenerator } from "../../generate/types.js";
import type { Checked } from "./checked.js";
import type { SetProblem } from "./setProblem.js";

export type AskedModel = Pick<Model, "tokenizer" | "contextLength" | "stopTokens">;

/** An endpoint says neither how it counts tokens nor how long its context is. */
export function isAskedModel(model: TextGenerator): model is TextGenerator & AskedModel {
  return "contextLength" in model && "tokenizer" in model;
}

/** Every set with prompts that the model cannot take, such as ones that do not fit into its context with the new tokens. */
export function promptProblems(name: string, model: AskedModel, tasks: readonly Task[]): string[] {
  return tasks.flatMap((task) => {
    let first: RetemperError | undefined;
    let count = 0;
    for (const index of task.items.keys()) {
      try {
        askOne(task, index, model);
      } catch (error) {
        if (!(error instanceof RetemperError)) throw error;
        first ??= error;
        count += 1;
      }
    }
    if (first === undefined) return [];
    const of = `${count} of the ${task.items.length} items of ${task.name} cannot be asked of ${name}`;
    const hint = `decoding: { maxNewTokens } in the experiment; ${first.hint ?? "mend the row"}`;
    return [`${of}: ${first.message} (${first.reason === "context-length" ? hint : (first.hint ?? "mend the row")})`];
  });
}

/** @throws RetemperError as the evaluation would when it comes to this item */
function askOne({ ask, items, decoding }: Task, index: number, model: AskedModel): void {
  const item = items[index] as Task["items"][number];
  const bounds = { maxPositions: model.contextLength, vocabulary: Number.POSITIVE_INFINITY };
  if (ask === "likelihood" && item.continuations) {
    for (const one of item.continuations) {
      for (const { ids, from } of continuationTokens(one, model)) prepareInput(index, ids, bounds, 0, { from });
    }
    return;
  }
  if (ask === "likelihood") {
    for (const { ids } of scoredTokens(item, model)) prepareInput(index, ids, bounds);
    return;
  }
  const { samples: _, ...options } = decoding;
  preparePrompt({ index, prompt: item.prompt, samples: [0] }, model.tokenizer, bounds, settingsOf(options));
}

/** What is asked together needs names of its own, and a number to choose by an item that has it. */
export function setProblems(tasks: Checked["tasks"]): SetProblem[] {
  const { safety, safetyTest, validation, test, skills = [], skillsTest = [] } = tasks;
  const twice = (
    part: "validation" | "test",
    asked: readonly Task[],
    scored: readonly Task[],
    skillful: readonly Task[],
  ): SetProblem[] => {
    const names = [...asked, ...scored, ...skillful].map(({ name }) => name);
    const found = new Set(names.filter((name, at) => names.indexOf(name) !== at));
    const isIn = (name: string, of: readonly Task[]) => of.some((task) => task.name === name);
    const placeOf = (name: string) =>
      isIn(name, skillful)
        ? ["skills"]
        : isIn(name, scored)
          ? ["task", part]
          : ["safety", part === "test" ? "test" : "sets"];
    return [...found].map((name) => ({
      text: `two sets of the ${part} are called ${name}: give one of them a name of its own (other=${name}:…)`,
      path: placeOf(name),
    }));
  };
  const unmeasuredIn = (path: SetProblem["path"], all: readonly Task[]): SetProblem[] =>
    all
      .filter((task) => task.kind === "task")
      .flatMap(unmeasured)
      .map((text) => ({ text, path }));
  return [
    ...twice("validation", safety, validation, skills),
    ...twice("test", safetyTest, test, skillsTest),
    ...unmeasuredIn(["task", "validation"], validation),
    ...unmeasuredIn(["task", "test"], test),
    ...unmeasuredIn(["skills"], [...skills, ...skillsTest]),
  ];
}

function unmeasured({ name, metrics, primary = metrics[0]?.name, macro }: Task): string[] {
  const metric = metrics.find((one) => one.name === primary || (macro === true && `macro_${one.name}` === primary));
  if (metric?.ofAll === true) {
    const others = metrics.filter(({ ofAll }) => ofAll !== true).map((one) => one.name);
    return [
      `${name} is measured by ${primary}, a number of all items together, which intervals and halves of items cannot stand for; ` +
        `an experiment needs a mean over items${others.length > 0 ? ` (it has also ${others.join(", ")})` : ""}`,
    ];
  }
  if (metric) return [];
  const there = metrics.map((one) => one.name).join(", ") || "none";
  return [`${name} is to be measured by ${primary ?? "nothing"}, which no item has (its items have: ${there})`];
}
