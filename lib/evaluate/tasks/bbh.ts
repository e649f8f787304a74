// BIG-Bench Hard: lm-evaluation-harness's task bbh_cot_fewshot, from its own files (a description, three worked examples, the
// question), with the number that papers tell: the mean over the subtasks.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { findPackage } from "../lmEval/files/findPackage.js";
import { readTaskFile } from "../lmEval/files/readTaskFile.js";
import type { Group } from "../lmEval/files/resolveTasks.js";
import { type TaskConfig, taskConfig } from "../lmEval/files/taskConfig.js";
import { taskOf } from "../lmEval/taskOf.js";
import type { Task } from "../types.js";
import { chatPrompt, type TaskContext } from "./context.js";

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

/** The harness's group tells the mean over questions; papers tell that over subtasks. Both are in results. */
const GROUP: Group = { name: "bbh", metrics: [{ metric: "exact_match", filters: undefined, weighted: false }] };

/**
 * Asks in plain text, as the harness does, unless the context wants chat: then the same text is what the user says. `limit`
 * counts in each subtask.
 * @throws RetemperError BAD_INPUT where the harness's files are not there or are of another version; NETWORK for data of the hub
 */
export async function loadBbh(context: TaskContext): Promise<Task> {
  const { version = 4, chat = context.chat } = context.bbh ?? {};
  const { bbh: source, "bbh-prompts": prompts, "lm-eval": installed } = context.data;
  const folder = prompts ?? join(await findPackage(installed, context.code?.python), "bbh", "cot_fewshot");
  const local = source === undefined || source.startsWith("hf://") ? undefined : await subtaskFiles(source);
  const subtasks = BBH_SUBTASKS.filter((subtask) => local?.has(subtask) !== false);
  const configs: TaskConfig[] = [];
  for (const subtask of subtasks) configs.push(await configOf(folder, subtask, version));
  // always three examples, and a system message is no part of the plain text
  const asked = { ...context, chat: false, system: undefined, lmEval: undefined };
  const dataOf = ({ name }: TaskConfig) => local?.get(name) ?? source;
  const task = await taskOf({ configs, group: GROUP }, "bbh", asked, dataOf);
  const missing = BBH_SUBTASKS.length - subtasks.length;
  return {
    ...task,
    items: task.items.map((item) => ({
      ...item,
      prompt: chat ? chatPrompt(item.prompt as string, undefined, context) : item.prompt,
    })),
    warnings: [
      ...(missing > 0 ? [`${missing} of BBH's ${BBH_SUBTASKS.length} subtasks are not in ${source}.`] : []),
      ...task.warnings,
    ],
  };
}

const HINT =
  "pip install lm-eval==0.4.13; --data lm-eval=FOLDER says where it is, --data bbh-prompts=FOLDER where these files are";

/** A subtask as its file says, under its short name. */
async function configOf(folder: string, subtask: string, version: 3 | 4): Promise<TaskConfig> {
  const file = join(folder, `${subtask}.yaml`);
  if (!(await stat(file).catch(() => undefined))?.isFile()) {
    throw new RetemperError("BAD_INPUT", "lm-evaluation-harness's file of this subtask is not there", {
      file,
      hint: HINT,
    });
  }
  const config = taskConfig({ ...(await readTaskFile(file)), task: subtask }, file);
  if (config.version !== 4) {
    const own = String(config.version ?? "unknown");
    throw new RetemperError("BAD_INPUT", `it is bbh_cot_fewshot of version ${own}, and not of version 4`, {
      file,
      hint: HINT,
    });
  }
  return version === 3 ? before2025(config) : config;
}

/** Version 3 of the task: its examples say "Let's think step by step." once more, behind a space. */
function before2025(config: TaskConfig): TaskConfig {
  const { samples } = config.fewshot;
  if (!Array.isArray(samples)) {
    throw new RetemperError("BAD_INPUT", "it has no examples in it, so that they cannot be asked as in version 3", {
      file: config.file,
    });
  }
  const again = samples.map((one) => ({ ...one, target: `Let's think step by step.\n${String(one.target)}` }));
  return { ...config, fewshot: { ...config.fewshot, samples: again, targetDelimiter: " " } };
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
