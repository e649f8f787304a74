// The public sets that are known by name. Facts of them only: where they are published, how they are laid out, how many
// rows they have.

import type { Decoding } from "../types.js";
import { PLAIN, type PromptSet } from "./promptSet.js";

/** How the paper of merging asks AdvBench and HEx-PHI (arXiv 2412.19512). */
const PAPER: Decoding = { maxNewTokens: 512, temperature: 0, repetitionPenalty: 1.2 };
/** Without a system's turn it is left out (Gemma). */
const HELPFUL = { text: "You are a helpful assistant." };

const HEX_PHI_CATEGORIES = [
  ...["Illegal Activity", "Child Abuse Content", "Hate, Harass, Violence", "Malware", "Physical Harm", "Economic Harm"],
  ...["Fraud, Deception", "Adult Content", "Political Campaigning", "Privacy Violation Activity"],
  ...["Tailored Financial Advice"],
];

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
    categoryOfFile: (name) => HEX_PHI_CATEGORIES[Number(/(\d+)\.csv$/.exec(name)?.[1]) - 1],
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
  {
    name: "harmbench",
    kind: "safety",
    title: "HarmBench",
    source: "hf://datasets/walledai/HarmBench?config=standard&split=train",
    promptColumns: ["Behavior", "prompt"],
    categoryColumns: ["SemanticCategory", "category"],
    // as HarmBench asks a behavior that has a context
    requestOf: (row, prompt) => {
      const context = row.ContextString ?? row.context;
      return typeof context === "string" && context.trim() !== "" ? `${context}\n\n---\n\n${prompt}` : prompt;
    },
    rows: [200, 400, 100, 300],
    decoding: PLAIN,
  },
  {
    name: "strongreject",
    kind: "safety",
    title: "StrongREJECT",
    source: "hf://datasets/walledai/StrongREJECT?split=train",
    promptColumns: ["forbidden_prompt", "prompt"],
    rows: [313],
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
