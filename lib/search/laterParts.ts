// What comes in a search after the steps that could be looked at: at most.

import { isOutsideOfChoice } from "../evaluate/run/outsideOfChoice.js";
import type { Task } from "../evaluate/types.js";
import type { LookedAt } from "../experiment/plan/lookout.js";
import { wholeRemains } from "../experiment/plan/planCosts.js";
import type { Probes } from "../experiment/plan/probeTasks.js";
import { type SearchWay, WAYS } from "../report/search/types.js";
import { CHOICES } from "./confirmChoices.js";
import { ANSWER_TOKENS, LEARNING, PASSES, WEIGHTS } from "./gradient/course.js";
import type { OpenSearch } from "./openSearch.js";
import { LAMBDAS } from "./searchAll.js";
import { FINALISTS } from "./searchStages.js";
import { ThreeSets } from "./threeSets.js";

/** @param seen what the steps told already */
export function laterParts(
  { search, tuned, measuring, checked }: OpenSearch,
  seen: readonly LookedAt[],
  probes: Probes,
): LookedAt[] {
  const { judges } = checked.judges;
  const sets = new ThreeSets(measuring.tasksOf("validation"), measuring.skillSets("validation").only);
  const of = (seed: string) => sets.of(measuring.tasksOf("validation", seed));
  const confirming = (seed: string) => measuring.tasksOf("test", seed).filter((task) => !isOutsideOfChoice(task));
  /** What remains of so many merges, each of every tuning. */
  const left = (part: string, merges: number, asked: (seed: string) => readonly Task[]): LookedAt[] => {
    const one = tuned.reduce((sum, { seed }) => sum + wholeRemains(asked(seed), judges, 1).units, 0);
    const known = seen.find((other) => other.part === part)?.units ?? 0;
    const count = one === 0 ? 0 : merges - Math.round(known / one);
    if (count <= 0) return [];
    const remains = tuned.map(({ seed }) => wholeRemains(asked(seed), judges, count));
    const units = remains.reduce((sum, { units: own }) => sum + own, 0);
    return [{ part, units, missing: units, remains }];
  };
  const counts: Partial<Record<SearchWay, number>> = {
    lambda: LAMBDAS,
    "cma-es": search.candidates,
    ...(search.rows > 0 && { gradient: WEIGHTS.length }),
    random: search.candidates,
  };
  const ways = Object.entries(counts) as [SearchWay, number][];
  return [
    ...ways.flatMap(([way, count]) => left(WAYS[way], count, (seed) => of(seed).search)),
    ...(search.rows > 0 ? learning() : []),
    ...left(FINALISTS, ways.length * search.finalists, (seed) => of(seed).choose),
    ...left(CHOICES, ways.length, confirming),
  ];

  /** Of the steps by gradient: the ends, and each weight. */
  function learning(): LookedAt[] {
    const steps = 1 + WEIGHTS.length;
    const known = seen.find((other) => other.part === LEARNING)?.units ?? 0;
    if (known >= steps) return [];
    const each = (kind: "safety" | "task", seed: string) => {
      const tasks = of(seed).search.filter((task) => task.kind === kind);
      const items = tasks.reduce((sum, task) => sum + task.items.length, 0);
      const tokens = tasks.map(({ name }) => {
        const probe = probes.get(name);
        return (probe?.promptTokens ?? 0) + Math.min(ANSWER_TOKENS[kind], probe?.tokens ?? 0);
      });
      return tokens.length === 0
        ? 0
        : (Math.min(search.rows, items) * tokens.reduce((a, b) => a + b, 0)) / tokens.length;
    };
    const all = tuned.reduce((sum, { seed }) => sum + each("safety", seed) + each("task", seed), 0);
    const learned = Math.round((PASSES * all * (steps - known)) / steps);
    const missing = steps - known;
    return [{ part: LEARNING, units: missing, missing, remains: [{ learned, units: missing, pending: true }] }];
  }
}
