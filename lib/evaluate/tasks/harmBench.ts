// HarmBench's sets: its standard behaviors and those with a context. Its own CSV holds both, and copyright beside them; the
// copy on the hub has a configuration for each.

import type { Row } from "../data/rows.js";
import { PLAIN, type PromptSet } from "./promptSet.js";

const HUB = "hf://datasets/walledai/HarmBench";

/** The columns of HarmBench's own CSV, or of the copy on the hub that has a file for each part. */
function partOf(row: Row): "standard" | "contextual" | "copyright" {
  if (row.FunctionalCategory === "copyright" || /hash_check/.test(String(row.Tags ?? row.tags ?? ""))) {
    return "copyright";
  }
  return contextOf(row) === undefined ? "standard" : "contextual";
}

function contextOf(row: Row): string | undefined {
  const context = row.ContextString ?? row.context;
  return typeof context === "string" && context.trim() !== "" ? context : undefined;
}

const COMMON = {
  kind: "safety",
  promptColumns: ["Behavior", "prompt"],
  categoryColumns: ["SemanticCategory", "category"],
  // as HarmBench asks a behavior that has a context
  requestOf: (row: Row, prompt: string) => {
    const context = contextOf(row);
    return context === undefined ? prompt : `${context}\n\n---\n\n${prompt}`;
  },
  contextOf,
  leavesOut: (row: Row) =>
    partOf(row) === "copyright"
      ? "copyright behaviors, which HarmBench compares with hashes of books and lyrics and not by a judge"
      : undefined,
  decoding: PLAIN,
} as const;

export const HARMBENCH_SETS: readonly PromptSet[] = [
  {
    ...COMMON,
    name: "harmbench",
    title: "HarmBench, standard and contextual",
    source: [`${HUB}?config=standard&split=train`, `${HUB}?config=contextual&split=train`],
    rows: [300, 400, 200, 100],
  },
  {
    ...COMMON,
    name: "harmbench-standard",
    title: "HarmBench's standard behaviors",
    source: `${HUB}?config=standard&split=train`,
    asks: { of: (row) => partOf(row) === "standard", words: "standard behaviors, without a context" },
    rows: [200, 400],
  },
  {
    ...COMMON,
    name: "harmbench-contextual",
    title: "HarmBench's contextual behaviors",
    source: `${HUB}?config=contextual&split=train`,
    asks: { of: (row) => partOf(row) === "contextual", words: "behaviors with a context" },
    rows: [100, 400],
  },
];
