// What the numbers of a run's tables are called, and which way they are better.

import type { Task } from "../../evaluate/types.js";
import type { Labels } from "../../select/types.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Checked } from "./checked.js";

/** Of the validation's tables and of the test's: where the two have different metrics, each its own. */
export interface TableLabels {
  readonly validation: Labels;
  readonly test: Labels;
}

/** The experiment's own label is that of the test, and of the validation where it has the same metric. */
export function labelsOf({ safety, task }: ExperimentSettings, { tasks, judges }: Checked): TableLabels {
  const [judge] = judges.judges;
  const asr = safety.label ?? (judge?.name === "keyword" ? "ASR (keyword)" : `ASR (${judge?.name ?? "judge"})`);
  const [validation, test] = [metricsOf(tasks.validation), metricsOf(tasks.test)];
  return {
    validation: { asr, score: (validation === test ? task.label : undefined) ?? validation },
    test: { asr, score: task.label ?? test },
  };
}

/** Whether more of the score is better; perplexity and loss are better low. */
export function betterOf(tasks: readonly Task[]): "high" | "low" {
  const [set] = tasks;
  return set === undefined ? "high" : (metricOf(set)?.better ?? "high");
}

/** What the score of some sets is called. */
export function metricsOf(tasks: readonly Task[]): string {
  const names = [...new Set(tasks.map((task) => task.primary ?? metricOf(task)?.name ?? "score"))];
  return names.length > 1 ? `mean of ${names.join(" and ")}` : (names[0] ?? "score");
}

/** The metric that stands for a task; of a mean over groups, that of its items. */
function metricOf({ metrics, primary }: Task): Task["metrics"][number] | undefined {
  return metrics.find(({ name }) => name === primary || `macro_${name}` === primary) ?? metrics[0];
}
