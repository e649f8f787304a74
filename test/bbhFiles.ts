// Files of BIG-Bench Hard in the form of lm-evaluation-harness's bbh_cot_fewshot (lm_eval/tasks/bbh/cot_fewshot), with words of ours.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";

export interface BbhExample {
  readonly input: string;
  readonly target: string;
}

/** What all subtasks share: how answers are written, read and counted. */
const SHARED = {
  dataset_path: "made/up",
  output_type: "generate_until",
  test_split: "test",
  doc_to_target: "{{target}}",
  target_delimiter: "",
  metric_list: [{ metric: "exact_match", aggregation: "mean", higher_is_better: true }],
  generation_kwargs: { max_gen_toks: 1024, until: ["</s>", "Q", "\n\n"], do_sample: false, temperature: 0 },
  filter_list: [
    {
      name: "get-answer",
      filter: [{ function: "regex", regex_pattern: "(?<=the answer is )(.*)(?=.)" }, { function: "take_first" }],
    },
  ],
  num_fewshot: 3,
  metadata: { version: 4 },
};

/** Writes a subtask's file into the folder, and what it includes. @param more keys of the file instead of its own */
export function writeBbhFile(
  folder: string,
  subtask: string,
  description: string,
  samples: readonly BbhExample[],
  more: object = {},
): void {
  writeFileSync(join(folder, "_cot_fewshot_template_yaml"), stringify(SHARED));
  const own = {
    include: "_cot_fewshot_template_yaml",
    task: `bbh_cot_fewshot_${subtask}`,
    dataset_name: subtask,
    description,
    doc_to_text: "Q: {{input}}\nA: Let's think step by step.\n",
    fewshot_config: { sampler: "first_n", samples },
  };
  writeFileSync(join(folder, `${subtask}.yaml`), stringify({ ...own, ...more }));
}
