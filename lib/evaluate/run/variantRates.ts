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
  return variantGroups(tasks).flatMap(({ set, plain, stressed }) => {
    const all = [...(plain ? [plain] : []), ...stressed];
    return variantMetrics(all).map((metric): VariantRates => {
      const requests = anyVariant(all, metric);
      const any = requests && measure([...requests.values()], "low", seed);
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

/** A set that was asked in several ways. */
export interface VariantGroup {
  readonly set: string;
  /** As it stands, where that was asked. */
  readonly plain?: TaskResults | undefined;
  readonly stressed: readonly TaskResults[];
}

export function variantGroups(tasks: readonly TaskResults[]): VariantGroup[] {
  const groups = new Map<string, TaskResults[]>();
  for (const task of tasks) {
    if (!task.stress) continue;
    const key = `${task.stress.set}\0${filesOf(task)}`;
    groups.set(key, [...(groups.get(key) ?? []), task]);
  }
  return [...groups.values()].flatMap((stressed) => {
    const [first] = stressed as [TaskResults];
    const set = first.stress?.set as string;
    const plain = tasks.find((one) => one.name === set && !one.stress && filesOf(one) === filesOf(first));
    return stressed.length + (plain ? 1 : 0) < 2 ? [] : [{ set, ...(plain && { plain }), stressed }];
  });
}

/** The rates of attack that all of them have. */
export function variantMetrics(tasks: readonly TaskResults[]): string[] {
  const [first] = tasks;
  return Object.keys(first?.metrics ?? {}).filter(
    (name) => name.startsWith("asr[") && tasks.every((task) => task.metrics[name] !== undefined),
  );
}

/**
 * Of each request whether it succeeded in one of the variants; null without a verdict in each. The requests are the same where they
 * come from the same rows, by their ids.
 * @returns undefined where they are not the same
 */
export function anyVariant(tasks: readonly TaskResults[], metric: string): Map<string, number | null> | undefined {
  const scores = tasks.map(({ items }) => new Map(items.map(({ id, scores: of }) => [id, of[metric] ?? null])));
  const [first, ...others] = scores as [Map<string, number | null>, ...Map<string, number | null>[]];
  const same = others.every((other) => other.size === first.size && [...first.keys()].every((id) => other.has(id)));
  if (!same) return undefined;
  return new Map([...first.keys()].map((id) => [id, anyOf(scores.map((of) => of.get(id) ?? null))]));
}

function filesOf({ data }: TaskResults): string {
  return JSON.stringify(data.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
}
