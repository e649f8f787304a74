// Which of the paper's four tasks an experiment is about, by the names of its sets: it decides the checkpoint, and what answers
// are scored with.

import { suiteWord } from "../../evaluate/tasks/suiteWord.js";
import type { TuneOptions } from "../../tune/types.js";
import type { Experiment } from "./schema.js";

type PaperTask = NonNullable<TuneOptions["task"]>;

/** By the set that the paper tests with. */
const TASKS: Readonly<Record<string, PaperTask>> = {
  bbh: "reasoning",
  humaneval: "code",
  medical: "medical",
  tools: "tools",
};

/** Sets that are scored with BERTScore. */
const WITH_ENCODER: ReadonlySet<string> = new Set(["tools", "medical", "bertscore"]);

/** Undefined where the test is none of the paper's, or several of them. */
export function paperTaskOf({ task }: Partial<Experiment>): PaperTask | undefined {
  const found = new Set(kindsOf(task?.test).flatMap((kind) => TASKS[kind] ?? []));
  const [only] = found;
  return found.size === 1 ? only : undefined;
}

export function scoredWithBert({ task }: Partial<Experiment>): boolean {
  return [...kindsOf(task?.validation), ...kindsOf(task?.test)].some((kind) => WITH_ENCODER.has(kind));
}

/** The kinds of sets: of `easy=tools:data/test.jsonl`, tools. What is no list of texts is refused by the schema. */
function kindsOf(words: unknown): string[] {
  if (!Array.isArray(words)) return [];
  return words.flatMap((word) => (typeof word === "string" ? (suiteWord(word)?.task ?? []) : []));
}
