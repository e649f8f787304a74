// The public sets that are known by name. Facts of them only: where they are published, how they are laid out, how many
// rows they have.

import type { Row } from "../data/rows.js";
import type { Decoding } from "../types.js";
import { beaverTailsCategory, isTrue } from "./beaverTails.js";
import { HARMBENCH_SETS } from "./harmBench.js";
import { PLAIN, type PromptSet } from "./promptSet.js";
import { SORRY_BENCH_FORMS, sorryBenchCategories } from "./sorryBench.js";
import type { Forms } from "./stress.js";

/** How the paper of merging asks AdvBench and HEx-PHI (arXiv 2412.19512). */
const PAPER: Decoding = { maxNewTokens: 512, temperature: 0, repetitionPenalty: 1.2 };
/** Without a system's turn it is left out (Gemma). */
const HELPFUL = { text: "You are a helpful assistant." };

const HEX_PHI_CATEGORIES = [
  ...["Illegal Activity", "Child Abuse Content", "Hate, Harass, Violence", "Malware", "Physical Harm", "Economic Harm"],
  ...["Fraud, Deception", "Adult Content", "Political Campaigning", "Privacy Violation Activity"],
  ...["Tailored Financial Advice"],
];

/** AI2's own column, or that of the copy of prompts alone. */
function wildGuardLabel(row: Row): unknown {
  return row.prompt_harm_label ?? row.label;
}

/** Half of its prompts were rewritten to get past a refusal. */
const WILD_GUARD_FORMS: Forms = {
  of: ({ adversarial }) => (isTrue(adversarial) ? "adversarial" : "vanilla"),
  groups: { manners: ["vanilla", "adversarial"] },
};

export const PROMPT_SETS: readonly PromptSet[] = [
  {
    name: "advbench",
    kind: "safety",
    title: "AdvBench's harmful behaviors",
    source: "hf://datasets/walledai/AdvBench?split=train",
    promptColumns: ["goal", "prompt", "instruction"],
    rows: [520],
    decoding: PAPER,
    system: HELPFUL,
  },
  {
    name: "hexphi",
    kind: "safety",
    title: "HEx-PHI",
    source: "hf://datasets/LLM-Tuning-Safety/HEx-PHI",
    load: { only: /^category_\d+\.csv$/, headless: ["prompt"] },
    categoriesOf: ({ name }) => {
      const category = HEX_PHI_CATEGORIES[Number(/(\d+)\.csv$/.exec(name)?.[1]) - 1];
      return () => category;
    },
    rows: [330, 300],
    decoding: PAPER,
    system: HELPFUL,
  },
  {
    name: "jailbreakbench",
    kind: "safety",
    title: "JailbreakBench's harmful behaviors",
    source: "hf://datasets/JailbreakBench/JBB-Behaviors/data/harmful-behaviors.csv",
    promptColumns: ["Goal", "goal", "prompt"],
    rows: [100],
    decoding: PLAIN,
  },
  {
    name: "jailbreakbench-benign",
    kind: "over-refusal",
    title: "JailbreakBench's benign behaviors",
    source: "hf://datasets/JailbreakBench/JBB-Behaviors/data/benign-behaviors.csv",
    promptColumns: ["Goal", "goal", "prompt"],
    rows: [100],
    decoding: PLAIN,
  },
  ...HARMBENCH_SETS,
  {
    name: "strongreject",
    kind: "safety",
    title: "StrongREJECT",
    source: "hf://datasets/walledai/StrongREJECT?split=train",
    promptColumns: ["forbidden_prompt", "prompt"],
    rows: [313, 60],
    decoding: PLAIN,
  },
  {
    name: "donotanswer",
    kind: "safety",
    title: "Do-Not-Answer",
    source: "hf://datasets/LibrAI/do-not-answer?split=train",
    promptColumns: ["question", "prompt"],
    categoryColumns: ["risk_area", "types_of_harm"],
    rows: [939],
    decoding: PLAIN,
  },
  {
    name: "sorrybench",
    kind: "safety",
    title: "SORRY-Bench, the requests as they were written",
    source: "hf://datasets/sorry-bench/sorry-bench-202503?split=train",
    promptColumns: ["turns", "prompt"],
    categoriesOf: sorryBenchCategories,
    forms: SORRY_BENCH_FORMS,
    idColumn: "question_id",
    rows: [440, 9240, 450, 9450],
    decoding: PLAIN,
  },
  {
    name: "airbench",
    kind: "safety",
    title: "AIR-Bench 2024",
    source: "hf://datasets/stanford-crfm/air-bench-2024",
    load: { only: /^category_\d+\.csv$/ },
    promptColumns: ["prompt"],
    categoryColumns: ["l2-name", "l3-name"],
    rows: [5694],
    decoding: PLAIN,
  },
  {
    name: "wildguardtest",
    kind: "safety",
    title: "WildGuardTest, its harmful prompts",
    source: "hf://datasets/allenai/wildguardmix/test/wildguard_test.parquet",
    promptColumns: ["prompt"],
    categoryColumns: ["subcategory"],
    forms: WILD_GUARD_FORMS,
    asks: { of: (row) => wildGuardLabel(row) === "harmful", words: "rows whose prompt_harm_label is harmful" },
    rows: [1725],
    decoding: PLAIN,
  },
  {
    name: "wildguardtest-benign",
    kind: "over-refusal",
    title: "WildGuardTest, its harmless prompts",
    source: "hf://datasets/allenai/wildguardmix/test/wildguard_test.parquet",
    promptColumns: ["prompt"],
    categoryColumns: ["subcategory"],
    forms: WILD_GUARD_FORMS,
    asks: { of: (row) => wildGuardLabel(row) === "unharmful", words: "rows whose prompt_harm_label is unharmful" },
    rows: [1725],
    decoding: PLAIN,
  },
  {
    name: "beavertails",
    kind: "safety",
    title: "BeaverTails, prompts of the test split that got an unsafe answer",
    source: "hf://datasets/PKU-Alignment/BeaverTails?split=330k_test",
    promptColumns: ["prompt"],
    categoryColumns: [],
    categoriesOf: () => beaverTailsCategory,
    asks: { of: ({ is_safe: safe }) => !isTrue(safe), words: "rows whose is_safe is false, each prompt once" },
    once: true,
    rows: [33396, 3021, 300567, 27186],
    decoding: PLAIN,
  },
  {
    name: "beavertails-evaluation",
    kind: "safety",
    title: "BeaverTails' evaluation prompts",
    source: "hf://datasets/PKU-Alignment/BeaverTails-Evaluation?split=test",
    promptColumns: ["prompt"],
    categoryColumns: ["category"],
    rows: [700],
    decoding: PLAIN,
  },
  {
    name: "orbench-toxic",
    kind: "safety",
    title: "OR-Bench's toxic prompts",
    source: "hf://datasets/bench-llm/or-bench/or-bench-toxic.csv",
    promptColumns: ["prompt"],
    rows: [655],
    decoding: PLAIN,
  },
  {
    name: "orbench",
    kind: "over-refusal",
    title: "OR-Bench, the hard 1K",
    source: "hf://datasets/bench-llm/or-bench/or-bench-hard-1k.csv",
    promptColumns: ["prompt"],
    rows: [1319],
    decoding: PLAIN,
  },
  {
    name: "orbench-80k",
    kind: "over-refusal",
    title: "OR-Bench, all 80K",
    source: "hf://datasets/bench-llm/or-bench/or-bench-80k.csv",
    promptColumns: ["prompt"],
    rows: [80359],
    decoding: PLAIN,
  },
  {
    name: "xstest",
    kind: "over-refusal",
    title: "XSTest",
    source: "hf://datasets/walledai/XSTest?split=test",
    promptColumns: ["prompt"],
    // the unsafe requests are the contrasts of the safe ones
    harmfulRow: ({ label, type }) =>
      typeof label === "string" ? label === "unsafe" : typeof type === "string" && type.startsWith("contrast"),
    rows: [450],
    decoding: PLAIN,
  },
];
