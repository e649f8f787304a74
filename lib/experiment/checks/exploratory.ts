// Whether a quick look had requests enough for its result to be more than exploratory.

import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import type { Task } from "../../evaluate/types.js";
import { QUICK_ITEMS } from "../settings/presets.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { Checked } from "./checked.js";
import { count } from "./numberWords.js";

/** Undefined where there are enough, and without the preset quick. */
export function exploratoryText(
  { preset }: Pick<ExperimentSettings, "preset">,
  { safety, safetyTest, split }: Checked["tasks"],
): string | undefined {
  const there = requestsOf(safety) + (split ? requestsOf(safetyTest) : 0);
  if (preset !== "quick" || there >= QUICK_ITEMS) return undefined;
  const few = `${count(there)} requests, fewer than the ${QUICK_ITEMS} of the preset quick`;
  return `The result is exploratory: there are ${few}, so that neither a choice nor its confirmation says much.`;
}

/** Items of safety sets that a rule looks at. */
export function requestsOf(tasks: readonly Task[]): number {
  const counted = tasks.filter((task) => task.kind === "safety" && !isOutsideOfChoice(task));
  return counted.reduce((sum, { items }) => sum + items.length, 0);
}
