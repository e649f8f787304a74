// Attack success by variant: a set as it stands beside the ways in which it was made harder to refuse.

import { anyOf } from "../tasks/judgeMetrics.js";
import type { Measure, TaskResults, VariantRates } from "./results.js";
import { measure } from "./summarise.js";

/** How the set is called that is asked as it stands. */
export const PLAIN_VARIANT = "plain";

/**
 * Of each set that was asked in more than one way, by judge: the rate of each variant, and, where all of them asked the same
 * requests, the share of requests that succeeded in at least one. A request stands in every variant, so rates of variants are not
 * independent of each other; each alone, and the last one, are of independent requests.
 * @param seed of bootstrap intervals
 */
export function variantRates(tasks: readonly TaskResults[], seed = 0): VariantRates[] {
  const stressed = tasks.filter(({ stress }) => stress !== undefined);
  const groups = new Map<string, TaskResults[]>();
  for (const task of stressed) {
    const key = `${task.stress?.set}\0${filesOf(task)}`;
    groups.set(key, [...(groups.get(key) ?? []), task]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group as [TaskResults];
    const set = first.stress?.set as string;
    const plain = tasks.find((one) => one.name === set && !one.stress && filesOf(one) === filesOf(first));
    const all = [...(plain ? [plain] : []), ...group];
    if (all.length < 2) return [];
    const metrics = Object.keys(first.metrics).filter(
      (name) => name.startsWith("asr[") && all.every((task) => task.metrics[name] !== undefined),
    );
    return metrics.map((metric): VariantRates => {
      const any = anyVariant(all, metric, seed);
      return {
        ...{ set, metric },
        variants: all.map((task) => ({
          ...{ task: task.name, variant: task.stress?.variant ?? PLAIN_VARIANT },
          rate: task.metrics[metric] as Measure,
        })),
        ...(any && { any }),
      };
    });
  });
}

/** The requests of the variants are the same where they come from the same rows, by their ids. */
function anyVariant(tasks: readonly TaskResults[], metric: string, seed: number): Measure | undefined {
  const scores = tasks.map(({ items }) => new Map(items.map(({ id, scores: of }) => [id, of[metric] ?? null])));
  const [first, ...others] = scores as [Map<string, number | null>, ...Map<string, number | null>[]];
  const same = others.every((other) => other.size === first.size && [...first.keys()].every((id) => other.has(id)));
  if (!same) return undefined;
  const any = [...first.keys()].map((id) => anyOf(scores.map((of) => of.get(id) ?? null)));
  return measure(any, "low", seed);
}

function filesOf({ data }: TaskResults): string {
  return JSON.stringify(data.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
}
