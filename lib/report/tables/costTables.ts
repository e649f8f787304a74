// What a run cost: seconds, tokens and bytes.

import type { ExperimentCosts } from "../types.js";
import type { ReportTable } from "./reportTable.js";

/** By what the steps do. */
export function costTable({ steps }: ExperimentCosts): ReportTable {
  const kinds = [...new Set(steps.map(kindOf))];
  const rows = kinds.map((kind) => {
    const of = steps.filter((one) => kindOf(one) === kind);
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

/** Older runs tell it in the name alone. */
function kindOf({ kind, step }: ExperimentCosts["steps"][number]): string {
  return kind ?? step.split(" ")[0] ?? step;
}
