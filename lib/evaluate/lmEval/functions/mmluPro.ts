// MMLU-Pro: a subject's rows, and how a question with up to ten options is written.

import { strip } from "../../metrics/pythonText.js";
import type { BuiltIn, Document } from "./types.js";

const UTILS = "d47eae06ecf1e9535b033394de62185327a1dca977cb29049003699adeb92801";
const SUBJECTS = [
  ...["biology", "business", "chemistry", "computer science", "economics", "engineering", "health", "history", "law"],
  ...["math", "other", "philosophy", "physics", "psychology"],
];
const LETTERS = "ABCDEFGHIJ";

function question({ question: text, options }: Document): string {
  const lines = (options as readonly string[])
    .slice(0, LETTERS.length)
    .map((option, at) => `${LETTERS[at]}. ${strip(option)}\n`);
  return `Question:\n${text}\nOptions:\n${lines.join("")}Answer: Let's think step by step.`;
}

export const MMLU_PRO: Readonly<Record<string, BuiltIn>> = {
  "mmlu_pro/utils.doc_to_text": { sha256: UTILS, field: question },
  "mmlu_pro/utils.fewshot_to_text": { sha256: UTILS, field: question },
  "mmlu_pro/utils.fewshot_to_target": {
    sha256: UTILS,
    field: ({ cot_content }) => String(cot_content).replaceAll("A: Let's think step by step. ", ""),
  },
  ...Object.fromEntries(
    SUBJECTS.map((subject) => [
      `mmlu_pro/utils.process_${subject.replace(" ", "_")}`,
      { sha256: UTILS, documents: (rows: readonly Document[]) => rows.filter(({ category }) => category === subject) },
    ]),
  ),
};
