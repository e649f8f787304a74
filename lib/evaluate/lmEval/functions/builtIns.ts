// The functions that stand in lm-evaluation-harness's Python files, done here. Each belongs to one file, known by its digest.

import { HELLASWAG } from "./hellaswag.js";
import { IFEVAL } from "./ifeval.js";
import { MMLU_PRO } from "./mmluPro.js";
import { HUMANEVAL, MBPP } from "./programs.js";
import { COPA, TRUTHFULQA, WINOGRANDE } from "./smallTasks.js";
import type { BuiltIn } from "./types.js";

/** By folder, file and function. */
export const BUILT_INS: ReadonlyMap<string, BuiltIn> = new Map(
  Object.entries({
    ...HELLASWAG,
    ...WINOGRANDE,
    ...TRUTHFULQA,
    ...COPA,
    ...MMLU_PRO,
    ...MBPP,
    ...HUMANEVAL,
    ...IFEVAL,
  }),
);
