// What a run cost: seconds, tokens and bytes.

import type { ExperimentCosts } from "../types.js";
import type { ReportTable } from "./reportTable.js";

/** By the first word of the steps, which is what they do. */
export function costTable({ steps }: ExperimentCosts): ReportTable {
  const kinds = [...new Set(steps.map(({ step }) => kindOf(step)))];
  const rows = kinds.map((kind) => {
    const of = steps.filter(({ step }) => kindOf(step) === kind);
    return [kind, String(of.length), ...costsOf(of)];
  });
  if (rows.length > 0) rows.push(["all", String(steps.length), ...costsOf(steps)]);
  return { id: "costs", caption: "Costs", head: ["steps", "count", ...COSTS], rows };
}

export function stepTable({ steps }: ExperimentCosts): ReportTable {
  const rows = steps.map((one) => [one.step, ...costsOf([one])]);
  return { id: "steps", caption: "Costs of every step", head: ["step", ...COSTS], rows };
}

const COSTS = ["seconds", "tokens answered", "tokens learned from", "bytes written"];

function costsOf(steps: ExperimentCosts["steps"]): string[] {
  const total = (key: "seconds" | "newTokens" | "tunedTokens" | "bytesWritten") =>
    steps.reduce((sum, step) => sum + (step[key] ?? 0), 0);
  const counts = (["newTokens", "tunedTokens", "bytesWritten"] as const).map((key) => total(key).toLocaleString("en"));
  return [total("seconds").toFixed(1), ...counts];
}

function kindOf(step: string): string {
  return step.split(" ")[0] ?? step;
}
