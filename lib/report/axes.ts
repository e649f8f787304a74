// What is measured beside the task and safety: over-refusal, and each skill by its name.

import type { Point, Quantity, SelectionTable } from "../select/types.js";
import type { ExperimentResults } from "./types.js";

/** A number that a merge may have changed beside the two that it is chosen by. */
export interface Axis {
  /** In a page: "overRefusal", "skill-gsm8k". */
  readonly id: string;
  /** As in the experiment and its gate. */
  readonly name: string;
  /** With what it is measured by: "gsm8k (exact_match)". */
  readonly label: string;
  readonly higher: boolean;
  of(model: Pick<Point, "overRefusal" | "skills">): Quantity | undefined;
}

/** Those that were measured of the aligned model. */
export function axesOf({ aligned, skills = {} }: Pick<SelectionTable, "aligned" | "skills">): Axis[] {
  const over: Axis = {
    id: "overRefusal",
    name: "overRefusal",
    label: "over-refusal",
    higher: false,
    of: (model) => model.overRefusal,
  };
  return [
    ...(aligned.overRefusal ? [over] : []),
    ...Object.keys(aligned.skills ?? {}).map((name): Axis => {
      const { better = "high", metric } = skills[name] ?? {};
      return {
        id: `skill-${name.replace(/[^\w-]+/g, "-")}`,
        ...{
          name,
          label: metric === undefined || metric === name ? name : `${name} (${metric})`,
          higher: better === "high",
        },
        of: (model) => model.skills?.[name],
      };
    }),
  ];
}

/** Those of any of several models' tables, each once. */
export function axesOfAll(all: readonly Parameters<typeof axesOf>[0][]): Axis[] {
  return [...new Map(all.flatMap(axesOf).map((axis) => [axis.id, axis])).values()];
}

/** What a test's or a trend's number is called. */
export function numberName(metric: string, labels: ExperimentResults["labels"]): string {
  if (metric === "asr" || metric === "score") return labels[metric];
  return metric === "overRefusal" ? "over-refusal" : metric;
}
