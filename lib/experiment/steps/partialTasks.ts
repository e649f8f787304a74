// The tasks of an adaptive experiment with a part of their items.

import { isOutsideOfChoice } from "../../evaluate/run/outsideOfChoice.js";
import type { Task } from "../../evaluate/types.js";
import type { AdaptivePlan, AskedPart } from "../adaptive/types.js";
import type { TableItems } from "../tables/tableItems.js";

/** How many items of each kind, in the order of the plan. */
export type Counts = Record<AskedPart, number>;

export class PartialTasks {
  readonly #places: Readonly<Record<AskedPart, ReadonlyMap<string, number>>>;
  readonly #plan: AdaptivePlan;
  readonly #wholeOf: (tuning: string | undefined) => readonly Task[];
  /** The same task each time, since what is derived of one is kept by it. */
  readonly #known = new Map<string, Task>();

  /** @param wholeOf the tasks that choose, of a tuning's split if it has one */
  constructor(items: TableItems, plan: AdaptivePlan, wholeOf: (tuning: string | undefined) => readonly Task[]) {
    const placesOf = (part: AskedPart) =>
      new Map(plan.items[part]?.order.map((item, place) => [items[part][item]?.key ?? "", place]));
    this.#places = {
      ...{ safety: placesOf("safety"), task: placesOf("task") },
      ...{ "over-refusal": placesOf("over-refusal"), skills: placesOf("skills") },
    };
    this.#plan = plan;
    this.#wholeOf = wholeOf;
  }

  /** In the tasks' own order; sets that stand outside of the choice are asked with the last of all others. */
  of(counts: Counts, tuning: string | undefined): Task[] {
    const { items } = this.#plan;
    const everything = (Object.keys(items) as AskedPart[]).every(
      (part) => counts[part] === (items[part]?.order.length ?? 0),
    );
    return this.#wholeOf(tuning).flatMap((task) => {
      if (everything) return [task];
      if (isOutsideOfChoice(task)) return [];
      const part = this.#partOf(task, counts, tuning);
      return part.items.length > 0 ? [part] : [];
    });
  }

  #partOf(task: Task, counts: Counts, tuning: string | undefined): Task {
    const key = JSON.stringify([task.name, counts[task.kind], counts.skills, tuning]);
    const known = this.#known.get(key);
    if (known) return known;
    // a set of the task may be a skill as well
    const wanted = (id: string) =>
      [task.kind, "skills" as const].some((part) => {
        const place = this.#places[part].get(`${task.name}/${id}`);
        return place !== undefined && place < counts[part];
      });
    const own = task.items.filter(({ id }) => wanted(id));
    const part = own.length === task.items.length ? task : { ...task, items: own };
    this.#known.set(key, part);
    return part;
  }
}
