// Half of the safety items to choose by, half to confirm: the same prompts must not do both.

import { createHash } from "node:crypto";
import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import type { Task } from "../../evaluate/types.js";

export interface Halves {
  readonly choose: readonly Task[];
  readonly confirm: readonly Task[];
}

/** What of an item decides its half. */
export interface Splittable {
  /** A set's name and a category of it: each is halved by itself. */
  readonly group: string;
  readonly request: string;
}

/**
 * Every set, halved by category. A set that stands outside of the choice (`isOutsideOfChoice`) stays whole in both.
 * @param tasks sets of requests, which are asked together
 */
export function splitTasks(tasks: readonly Task[]): Halves {
  const split = tasks.filter((task) => !isOutsideOfChoice(task));
  const items = split.flatMap((task) => task.items.map((item) => ({ task, item })));
  const chosen = choosingHalf(
    items.map(({ task, item: { category, request, prompt } }) => ({
      group: JSON.stringify([task.name, category]),
      request: request === "" ? JSON.stringify(prompt) : request,
    })),
  );
  const half = (wanted: boolean) =>
    tasks.flatMap((task): Task[] => {
      if (!split.includes(task)) return [task];
      const own = items.flatMap(({ task: of, item }, at) => (of === task && chosen[at] === wanted ? [item] : []));
      return own.length === 0 ? [] : [{ ...task, items: own }];
    });
  return { choose: half(true), confirm: half(false) };
}

/**
 * Of each item, whether it is in the half that chooses. An item goes where its group has fewer so far, and where both have as
 * many, as a bit of its request's sha256 says: so each group is halved to within one item, and items that are appended
 * later, or let in by a higher limit, move none of those before. A request that comes again goes where it went first, in
 * whichever set.
 */
export function choosingHalf(items: readonly Splittable[]): boolean[] {
  const counts = new Map<string, { choose: number; confirm: number }>();
  const known = new Map<string, boolean>();
  return items.map(({ group, request }) => {
    const count = counts.get(group) ?? { choose: 0, confirm: 0 };
    counts.set(group, count);
    const digest = createHash("sha256").update(request).digest();
    const key = digest.toString("hex");
    const balanced = count.choose === count.confirm ? (digest[0] as number) % 2 === 0 : count.choose < count.confirm;
    const choose = known.get(key) ?? balanced;
    known.set(key, choose);
    count[choose ? "choose" : "confirm"] += 1;
    return choose;
  });
}
