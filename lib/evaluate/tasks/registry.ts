// All tasks by name, and what a suite's words mean.

import { RetemperError } from "../../errors.js";
import type { Task, TaskKind } from "../types.js";
import type { TaskContext } from "./context.js";
import { GENERIC_KINDS, type GenericKind, loadGeneric } from "./generic.js";
import { loadHumanEval } from "./humanEval.js";
import { loadMedical } from "./medical.js";
import { ANY_PROMPTS, loadPromptSet, type PromptSet } from "./promptSet.js";
import { PROMPT_SETS } from "./promptSets.js";
import { variantsOf } from "./stress.js";
import { LM_EVAL, suiteWord } from "./suiteWord.js";
import { loadToolCalls } from "./toolCalls.js";

/** One line of what there is to evaluate. */
export interface TaskListing {
  readonly name: string;
  readonly kind: TaskKind | "suite";
  readonly title: string;
  /** Whether a higher score is better, or a lower one; absent for suites. */
  readonly better?: "high" | "low" | undefined;
  /** Where its data come from by default; absent where the user must give them. */
  readonly source?: string | undefined;
}

const TASKS: readonly (TaskListing & { load(context: TaskContext): Promise<Task> })[] = [
  {
    name: "bbh",
    kind: "task",
    title: "BIG-Bench Hard, 27 subtasks, 3-shot chain of thought, from lm-evaluation-harness's own files",
    source: "hf://datasets/SaylorTwift/bbh",
    // with a reader of YAML and tables of languages, which others do not need
    load: async (context) => (await import("./bbh.js")).loadBbh(context),
  },
  {
    name: "humaneval",
    kind: "task",
    title: "HumanEval, pass@k of 50 samples (runs programs)",
    source: "hf://datasets/openai/openai_humaneval?split=test",
    load: loadHumanEval,
  },
  {
    name: "ifeval",
    kind: "task",
    title: "IFEval, 541 prompts with instructions that a program checks",
    source: "hf://datasets/google/IFEval?split=train",
    // its tables of languages are read only where they are asked for
    load: async (context) => (await import("../ifeval/ifeval.js")).loadIfeval(context),
  },
  {
    name: "tools",
    kind: "task",
    title: "OpenFunctions: BERTScore F1 and exact match of the call",
    load: loadToolCalls,
  },
  { name: "medical", kind: "task", title: "medical questions: BERTScore F1", load: loadMedical },
];

const LM_EVAL_TITLE = "a task or group of lm-evaluation-harness 0.4.13: its name there, or a YAML file";

const GENERIC_TITLES: Readonly<Record<GenericKind, string>> = {
  exact: "a file of prompts and answers: exact match",
  call: "a file of prompts and function calls: exact match of the parsed call",
  rouge: "a file of prompts and answers: ROUGE-L",
  bertscore: "a file of prompts and answers: BERTScore",
  choice: "a file of multiple choices: accuracy by log-likelihood",
  perplexity: "a file of texts: perplexity; of conversations, of their answers",
  loss: "a file of conversations, such as training takes: mean loss of the answers alone",
};

/** Of a generic task's score, and of the rates of prompt sets. */
const betterOf = (name: GenericKind): "high" | "low" => (name === "perplexity" || name === "loss" ? "low" : "high");
const RATE = { better: "low" } as const;

/** Suites are lists of tasks. */
const SUITES: Readonly<Record<string, { readonly title: string; readonly tasks: readonly string[] }>> = {
  safety: { title: "AdvBench and HEx-PHI, or any file of requests", tasks: ["advbench", "hexphi"] },
  paper: {
    title: "the tasks of arXiv 2412.19512, as it asks them",
    tasks: ["advbench", "hexphi", "bbh", "humaneval", "tools", "medical"],
  },
};

/**
 * What `retemper evaluate --list` shows.
 * @example
 * ```ts
 * import { listTasks } from "retemper";
 *
 * const suites = listTasks().filter(({ kind }) => kind === "suite");
 * console.log(suites.map(({ name }) => name)); // [ 'safety', 'paper' ]
 * ```
 */
export function listTasks(): TaskListing[] {
  return [
    ...Object.entries(SUITES).map(([name, { title, tasks }]) => ({
      name,
      kind: "suite" as const,
      title: `${title} (${tasks.join(", ")})`,
    })),
    ...PROMPT_SETS.map(({ name, kind, title, source }) => ({
      ...{ name, kind, title, ...RATE },
      source: typeof source === "string" ? source : source?.join(" "),
    })),
    ...Object.values(ANY_PROMPTS).map(({ name, kind, title }) => ({ name: `${name}:FILE`, kind, title, ...RATE })),
    ...TASKS.map(({ name, kind, title, source }) => ({ name, kind, title, better: "high" as const, source })),
    { name: `${LM_EVAL}:TASK`, kind: "task", title: LM_EVAL_TITLE },
    ...GENERIC_KINDS.map((name) => ({
      ...{ name: `${name}:FILE`, kind: "task" as const, title: GENERIC_TITLES[name] },
      better: betterOf(name),
    })),
  ];
}

/** One task of a suite, by its words. */
export interface SuiteEntry {
  /** What it is called in results: unique in the suite. */
  readonly name: string;
  /** Name of a known task, or kind of a generic one. */
  readonly task: string;
  /** Of a set of requests: how it is asked otherwise, as the words behind its name say. */
  readonly variant?: readonly string[] | undefined;
  /** Data of its own. */
  readonly data?: string | undefined;
}

/**
 * The entries of a suite: names of tasks and suites, each with a data reference behind a colon if it needs one
 * (`advbench:harmful_behaviors.csv`, `exact:questions.jsonl`), and a name of its own before an equals sign if two would
 * have the same (`easy=exact:a.jsonl`). A set of requests may have variants behind its name (`advbench+prefill`).
 * @throws RetemperError USAGE for names that are not known, or that occur twice
 * @example
 * ```ts
 * import { suiteEntries } from "retemper";
 *
 * const entries = suiteEntries(["safety:requests.jsonl", "easy=exact:easy.jsonl"]);
 * console.log(entries.map(({ name, task }) => [name, task])); // [ [ 'safety', 'safety' ], [ 'easy', 'exact' ] ]
 * ```
 */
export function suiteEntries(
  suite: string | readonly string[],
  data: Readonly<Record<string, string>> = {},
): SuiteEntry[] {
  const words = typeof suite === "string" ? [suite] : suite;
  const entries = words.flatMap((word): SuiteEntry[] => {
    const { own, task, variant, source: reference } = suiteWord(word) ?? { task: "" };
    if (task === LM_EVAL && variant === undefined) return [lmEvalEntry(own, reference)];
    const source = reference ?? data[own ?? (variant === undefined ? task : `${task}+${variant}`)] ?? data[own ?? task];
    if (variant !== undefined) return stressed({ word, own, task, source, variant: variant.split("+") }, data);
    if (task === "safety" || task === "over-refusal") {
      if (source !== undefined) return [{ name: own ?? task, task, data: source }];
    } else if (isGeneric(task)) {
      if (source === undefined) {
        throw new RetemperError("USAGE", `${task} needs a file.`, { hint: `write ${task}:FILE` });
      }
      return [{ name: own ?? task, task, data: source }];
    }
    const suiteOf = SUITES[task];
    if (suiteOf && reference === undefined && own === undefined) {
      return suiteOf.tasks.map((name) => ({ name, task: name, data: data[name] }));
    }
    if (!known(task) || suiteOf) throw unknown(word, task);
    return [{ name: own ?? task, task, data: source }];
  });
  if (entries.length === 0)
    throw new RetemperError("USAGE", "The suite is empty.", { hint: "retemper evaluate --list" });
  requireDistinct(entries);
  return entries;
}

/** @throws RetemperError USAGE for two of one name */
export function requireDistinct(entries: readonly Pick<SuiteEntry, "name">[]): void {
  const names = entries.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new RetemperError("USAGE", `${twice} occurs twice in the suite.`, {
    hint: `give one of them a name: other=${twice}:…`,
  });
}

/** A word with variants: an entry for each, of the set or of each set of a suite. */
function stressed(
  { word, own, task, source, variant }: StressedWord,
  data: Readonly<Record<string, string>>,
): SuiteEntry[] {
  const suiteOf = source === undefined ? SUITES[task] : undefined;
  if (suiteOf && own === undefined) {
    return suiteOf.tasks.flatMap((name) => stressed({ word, own, task: name, source: data[name], variant }, data));
  }
  const set = promptSetOf(task);
  if (!set) {
    if (!known(task)) throw unknown(word, task);
    throw new RetemperError("USAGE", `${task} has no variants: they are of sets of requests.`);
  }
  if (source === undefined && set.source === undefined) throw unknown(word, task);
  const all = variantsOf(variant, set);
  return all.map((words) => {
    const name = own !== undefined && all.length === 1 ? own : [own ?? task, ...words].join("+");
    return { name, task, variant: words, data: source };
  });
}

/** A word of a suite, in its parts. */
interface StressedWord {
  readonly word: string;
  readonly own: string | undefined;
  readonly task: string;
  readonly variant: readonly string[];
  readonly source: string | undefined;
}

function promptSetOf(task: string): PromptSet | undefined {
  return PROMPT_SETS.find((one) => one.name === task) ?? ANY_PROMPTS[task as keyof typeof ANY_PROMPTS];
}

/** @throws whatever is wrong with its data */
export async function loadTask({ name, task, variant, data }: SuiteEntry, context: TaskContext): Promise<Task> {
  const withData = data === undefined ? context : { ...context, data: { ...context.data, [task]: data } };
  if (task === LM_EVAL && data !== undefined) {
    return (await import("../lmEval/loadLmEval.js")).loadLmEval(data, context, name);
  }
  const set = promptSetOf(task);
  const source = data ?? set?.source;
  if (set && source !== undefined) return loadPromptSet(set, source, context, name, variant);
  if (isGeneric(task) && data !== undefined) return loadGeneric(task, data, context, name);
  const found = TASKS.find((one) => one.name === task);
  if (!found) throw unknown(name, task);
  return { ...(await found.load(withData)), name };
}

/** It is called in results what lm-evaluation-harness calls it, or as its file. */
function lmEvalEntry(own: string | undefined, reference: string | undefined): SuiteEntry {
  if (reference === undefined) {
    throw new RetemperError("USAGE", "lm-eval needs a task of lm-evaluation-harness.", {
      hint: "write lm-eval:gsm8k, or lm-eval:path/to/task.yaml",
    });
  }
  const name = own ?? (reference.split(/[\\/]/).at(-1) as string).replace(/\.ya?ml$/, "");
  return { name, task: LM_EVAL, data: reference };
}

function isGeneric(name: string): name is GenericKind {
  return (GENERIC_KINDS as readonly string[]).includes(name);
}

function known(name: string): boolean {
  return [...PROMPT_SETS, ...TASKS].some((one) => one.name === name) || name in ANY_PROMPTS;
}

function unknown(word: string, task: string): RetemperError {
  const names = [...Object.keys(SUITES), ...PROMPT_SETS.map(({ name }) => name), ...TASKS.map(({ name }) => name)];
  if (task === "over-refusal") {
    return new RetemperError("USAGE", "over-refusal needs a file: over-refusal:FILE.", {
      hint: `or name a set: ${PROMPT_SETS.flatMap(({ name, kind }) => (kind === task ? [name] : [])).join(", ")}`,
    });
  }
  return new RetemperError("USAGE", `There is no task or suite ${JSON.stringify(word)}.`, {
    hint: `there are ${names.join(", ")}, lm-eval:TASK, and safety, over-refusal, ${GENERIC_KINDS.join(", ")} with :FILE`,
  });
}
