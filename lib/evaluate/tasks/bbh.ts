// BIG-Bench Hard as lm-evaluation-harness's bbh_cot_fewshot asks it: a description, three worked examples, the question.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { RetemperError } from "../../errors.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { findColumn, textOf } from "../data/columns.js";
import { type DataFacts, loadRows } from "../data/loadRows.js";
import type { Item, Task } from "../types.js";
import { chatPrompt, decodingOf, type TaskContext } from "./context.js";
import { bbhScorer } from "./scorers.js";

/** The 27 subtasks. */
export const BBH_SUBTASKS = [
  ...["boolean_expressions", "causal_judgement", "date_understanding", "disambiguation_qa", "dyck_languages"],
  ...["formal_fallacies", "geometric_shapes", "hyperbaton", "logical_deduction_five_objects"],
  ...["logical_deduction_seven_objects", "logical_deduction_three_objects", "movie_recommendation"],
  ...["multistep_arithmetic_two", "navigate", "object_counting", "penguins_in_a_table"],
  ...["reasoning_about_colored_objects", "ruin_names", "salient_translation_error_detection", "snarks"],
  ...["sports_understanding", "temporal_sequences", "tracking_shuffled_objects_five_objects"],
  ...["tracking_shuffled_objects_seven_objects", "tracking_shuffled_objects_three_objects", "web_of_lies"],
  "word_sorting",
];

const SOURCE = "hf://datasets/SaylorTwift/bbh";
const QUESTION = "Q: {{input}}\nA: Let's think step by step.\n";

/** A subtask's part of the prompt: what stands before every question. */
export interface BbhPreamble {
  readonly description: string;
  readonly examples: readonly { readonly input: string; readonly target: string }[];
}

/**
 * The prompt of one question. Version 4 of the task; version 3, from before 2025, had "Let's think step by step." twice
 * in the examples.
 * @example
 * ```ts
 * import { bbhPrompt } from "retemper";
 *
 * const preamble = {
 *   description: "Count the objects.\n\n",
 *   examples: [{ input: "I have two pears and a plum.", target: "2 + 1 = 3. So the answer is 3." }],
 * };
 * const prompt = bbhPrompt(preamble, "I have a chair and four lamps.");
 * console.log(prompt.split("\n").at(-3)); // Q: I have a chair and four lamps.
 * ```
 */
export function bbhPrompt({ description, examples }: BbhPreamble, input: string, version: 3 | 4 = 4): string {
  const question = (text: string) => QUESTION.replace("{{input}}", () => text);
  const again = version === 3 ? " Let's think step by step.\n" : "";
  const shots = examples.slice(0, 3).map((example) => `${question(example.input)}${again}${example.target}\n\n`);
  return description + shots.join("") + question(input);
}

/**
 * Reads a subtask's preamble from lm-evaluation-harness's own file (lm_eval/tasks/bbh/cot_fewshot/NAME.yaml), which the
 * user has; none of it is in this repository.
 * @throws RetemperError BAD_INPUT where it is not there, or asks in another way
 * @example
 * ```ts
 * import { bbhPrompt, readBbhPreamble } from "retemper";
 *
 * const preamble = await readBbhPreamble("lm_eval/tasks/bbh/cot_fewshot", "object_counting");
 * console.log(bbhPrompt(preamble, "I have a chair and four lamps."));
 * ```
 */
export async function readBbhPreamble(folder: string, subtask: string): Promise<BbhPreamble> {
  const file = join(folder, `${subtask}.yaml`);
  let text: string;
  try {
    text = await readTextAtMost(file, { most: 2 ** 20, what: "the examples of a subtask" });
  } catch (error) {
    throw new RetemperError("BAD_INPUT", "the examples of this subtask are not there", {
      file,
      hint: "pip install lm-eval, and give the folder lm_eval/tasks/bbh/cot_fewshot in it as the data of bbh-prompts",
      cause: error,
    });
  }
  const { description, doc_to_text, fewshot_config } = parsed(text, file) as {
    description?: unknown;
    doc_to_text?: unknown;
    fewshot_config?: { samples?: { input?: unknown; target?: unknown }[] };
  };
  const examples = fewshot_config?.samples;
  const whole = examples?.every(({ input, target }) => typeof input === "string" && typeof target === "string");
  if (typeof description !== "string" || doc_to_text !== QUESTION || !examples || examples.length < 3 || !whole) {
    throw new RetemperError("BAD_INPUT", "it does not ask as bbh_cot_fewshot does", {
      file,
      hint: "take the files of lm-eval 0.4.9 or newer",
    });
  }
  return { description, examples: examples as BbhPreamble["examples"] };
}

function parsed(text: string, file: string): unknown {
  try {
    return parse(text) ?? {}; // refuses aliases that grow out of bounds
  } catch (cause) {
    const { line } = (cause as { linePos?: { line: number }[] }).linePos?.[0] ?? {};
    throw new RetemperError("BAD_INPUT", (cause as Error).message, { file, line, cause });
  }
}

/** Asks in plain text, as the harness does, unless the context wants chat. `limit` counts in each subtask. */
export async function loadBbh(context: TaskContext): Promise<Task> {
  const prompts = context.data["bbh-prompts"];
  if (prompts === undefined) {
    throw new RetemperError("USAGE", "BIG-Bench Hard needs lm-evaluation-harness's examples.", {
      hint: "pip install lm-eval, then --data bbh-prompts=…/lm_eval/tasks/bbh/cot_fewshot",
    });
  }
  const source = context.data.bbh ?? SOURCE;
  const { version = 4, chat = context.chat } = context.bbh ?? {};
  const items: Item[] = [];
  const data: DataFacts[] = [];
  const local = source.startsWith("hf://") ? undefined : await subtaskFiles(source);
  for (const subtask of BBH_SUBTASKS) {
    const reference = local?.get(subtask);
    if (local && reference === undefined) continue;
    const preamble = await readBbhPreamble(prompts, subtask);
    const { facts, files } = await loadRows(reference ?? source, { config: subtask, split: "test", hub: context.hub });
    data.push(facts);
    const rows = files.flatMap((file) => file.rows);
    const path = files[0]?.path ?? source;
    const [inputs, targets] = [
      findColumn(rows, ["input"], "the question", path),
      findColumn(rows, ["target"], "the answer", path),
    ];
    for (const [index, row] of rows.slice(0, context.limit).entries()) {
      const text = bbhPrompt(preamble, textOf(row, inputs, path, index), version);
      items.push({
        id: `${subtask}/${index}`,
        category: subtask,
        prompt: chat ? chatPrompt(text, undefined, context) : text,
        request: text,
        references: [textOf(row, targets, path, index)],
      });
    }
  }
  const missing = BBH_SUBTASKS.length - data.length;
  return {
    name: "bbh",
    kind: "task",
    data,
    warnings: missing > 0 ? [`${missing} of BBH's ${BBH_SUBTASKS.length} subtasks are not in ${source}.`] : [],
    items,
    ask: "generate",
    decoding: decodingOf({ maxNewTokens: 1024, temperature: 0, stop: ["</s>", "Q", "\n\n"] }, context),
    scorers: [bbhScorer()],
    metrics: [
      {
        name: "exact_match",
        better: "high",
        of: ({ values }) => {
          const match = values.bbh?.[0]?.match;
          return match === undefined || match === null ? null : Number(match);
        },
      },
    ],
    primary: "macro_exact_match",
    macro: true,
  };
}

/** Files of a folder by subtask: NAME.json as BIG-Bench Hard publishes them, or .jsonl, .csv, .parquet. */
async function subtaskFiles(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new RetemperError("BAD_INPUT", `the folder cannot be read: ${error.message}`, { file: folder });
  });
  const files = new Map<string, string>();
  for (const name of names.sort()) {
    const subtask = name.replace(/\.(json|jsonl|csv|parquet)(\.gz)?$/, "");
    if (subtask !== name && BBH_SUBTASKS.includes(subtask)) files.set(subtask, join(folder, name));
  }
  if (files.size === 0) {
    throw new RetemperError("BAD_INPUT", "the folder holds no subtask of BIG-Bench Hard", {
      file: folder,
      hint: `expected files such as ${BBH_SUBTASKS[0]}.json`,
    });
  }
  return files;
}
