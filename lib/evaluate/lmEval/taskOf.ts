// Tasks of lm-evaluation-harness as one task here: a group is one, with its tasks as categories.

import { isDeepStrictEqual } from "node:util";
import { RetemperError } from "../../errors.js";
import type { TaskContext } from "../tasks/context.js";
import type { Task } from "../types.js";
import type { Group, ResolvedTasks } from "./files/resolveTasks.js";
import type { TaskConfig } from "./files/taskConfig.js";
import { type Leaf, loadLeaf } from "./loadLeaf.js";
import { metricName, scoringOf } from "./scoring/scoringOf.js";

/**
 * @param name what the task is called in results
 * @param dataOf where a task's data are, if not where it says itself
 * @throws RetemperError BAD_INPUT, NETWORK for data; INCOMPATIBLE that names the key which is not supported, or in what the tasks
 *   of a group differ
 */
export async function taskOf(
  { configs, group }: ResolvedTasks,
  name: string,
  context: TaskContext,
  dataOf: (config: TaskConfig) => string | undefined,
): Promise<Task> {
  const leaves: Leaf[] = [];
  for (const config of configs) leaves.push(await loadLeaf(config, dataOf(config), context, group !== undefined));
  const [first, ...others] = leaves as [Leaf, ...Leaf[]];
  for (const other of others) requireAlike(group?.name ?? name, first, other);
  return {
    name,
    kind: "task",
    data: leaves.flatMap(({ data }) => data),
    warnings: [...new Set(leaves.flatMap(({ warnings }) => warnings))],
    items: leaves.flatMap(({ items }) => items),
    ask: first.config.outputType === "generate_until" ? "generate" : "likelihood",
    decoding: first.decoding,
    ...scoringOf(leaves, context),
    ...primaryOf(first, group),
  };
}

/** One number stands for a group: so its tasks must be asked, and measured, alike. */
function requireAlike(group: string, first: Leaf, other: Leaf): void {
  const of = ({ config, decoding, metrics, filters, runs }: Leaf) => ({
    output_type: config.outputType,
    generation_kwargs: decoding,
    metric_list: metrics.map(({ name, better, total }) => ({ name, better, total })),
    filter_list: filters.map(({ name }) => name),
    "the steps of filter_list": config.filters.map(({ name, steps }) => ({ name, steps: JSON.stringify(steps) })),
    "the way its programs run": runs,
  });
  const [a, b] = [of(first), of(other)];
  const differs = (Object.keys(a) as (keyof typeof a)[]).find((key) => !isDeepStrictEqual(a[key], b[key]));
  if (differs === undefined) return;
  throw new RetemperError(
    "INCOMPATIBLE",
    `${group}: its tasks differ in ${differs} (${first.config.name} and ${other.config.name}), so that they have no number together here`,
    {
      file: other.config.file,
      hint: `name them one by one: lm-eval:${first.config.name}, lm-eval:${other.config.name}`,
    },
  );
}

/**
 * The metric that stands for it: of a group its own first one, over its items or over its tasks; else the first that is a mean
 * over items, which intervals and experiments can use.
 */
function primaryOf({ metrics, filters }: Leaf, group: Group | undefined): Pick<Task, "primary" | "macro"> {
  const macro = group?.metrics.some(({ weighted }) => !weighted) === true;
  const [own] = group?.metrics ?? [];
  const metric =
    metrics.find(({ name }) => name === own?.metric) ?? metrics.find(({ total }) => total === undefined) ?? metrics[0];
  const filter = filters.find(({ name }) => own?.filters?.includes(name)) ?? filters[0];
  if (!metric || !filter) return {};
  const name = metricName(metric.name, filter, filters);
  return macro ? { primary: own?.weighted === false ? `macro_${name}` : name, macro } : { primary: name };
}
