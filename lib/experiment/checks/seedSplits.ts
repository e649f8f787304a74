// One split of the data for each tuning, as the paper's authors have it: `{seed}` in the name of a file stands for the seed of
// the tuning, whose rows to choose lambda on are then other ones for each.

import { createHash } from "node:crypto";
import type { Item, Task } from "../../evaluate/types.js";

const SEED = "{seed}";

/** The name of a seed's file. */
export function ofSeed(reference: string, seed: string | number): string {
  return reference.replaceAll(SEED, String(seed));
}

export function isPerSeed(reference: string): boolean {
  return reference.includes(SEED);
}

/** By seed, and by the name of a task: the ids of the items that are this seed's. */
export type Splits = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

/**
 * The tasks of all seeds as one: every item once, so that a model of no seed is asked all, and an item that is in the splits of
 * two seeds is the same item for both. Items are named by what they are, since their places differ from file to file.
 */
export function joinSplits(bySeed: ReadonlyMap<string, readonly Task[]>): {
  readonly tasks: readonly Task[];
  readonly splits: Splits;
} {
  const joined = new Map<string, { readonly tasks: Task[]; readonly items: Map<string, Item> }>();
  const splits = new Map<string, Map<string, Set<string>>>();
  for (const [seed, tasks] of bySeed) {
    const own = new Map<string, Set<string>>();
    splits.set(seed, own);
    for (const task of tasks) {
      const all = joined.get(task.name) ?? { tasks: [] as Task[], items: new Map<string, Item>() };
      joined.set(task.name, all);
      all.tasks.push(task);
      const ids = new Set<string>();
      own.set(task.name, ids);
      for (const item of task.items) {
        const id = freeId(idOf(item), ids);
        ids.add(id);
        if (!all.items.has(id)) all.items.set(id, { ...item, id });
      }
    }
  }
  const tasks = [...joined.values()].map(({ tasks: of, items }): Task => {
    const data = new Map(of.flatMap((task) => task.data).map((facts) => [JSON.stringify(facts), facts]));
    const warnings = new Set(of.flatMap((task) => task.warnings));
    return { ...(of[0] as Task), data: [...data.values()], warnings: [...warnings], items: [...items.values()] };
  });
  return { tasks, splits };
}

/**
 * What words name, for all seeds.
 * @param load the tasks of words without a placeholder
 */
export async function loadSplits(
  words: readonly string[],
  seeds: readonly string[],
  load: (words: readonly string[]) => Promise<readonly Task[]>,
): Promise<{ readonly tasks: readonly Task[]; readonly splits?: Splits }> {
  if (!words.some(isPerSeed)) return { tasks: await load(words) };
  const bySeed = new Map<string, readonly Task[]>();
  for (const seed of seeds) bySeed.set(seed, await load(words.map((word) => ofSeed(word, seed))));
  return joinSplits(bySeed);
}

/** The tasks with the items of a tuning's seed alone; of a seed without a split, and of no seed, all of them. */
export function itemsOfSeed(tasks: readonly Task[], splits: Splits | undefined, tuning: string | undefined): Task[] {
  const own = tuning === undefined ? undefined : splits?.get(tuning);
  return tasks.map((task) => {
    const ids = own?.get(task.name);
    return ids ? { ...task, items: task.items.filter(({ id }) => ids.has(id)) } : task;
  });
}

function idOf({ prompt, request, references, choices, category }: Item): string {
  const text = JSON.stringify([prompt, request, references, choices, category]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** A row that a split has twice is two items. */
function freeId(id: string, taken: ReadonlySet<string>): string {
  let free = id;
  for (let n = 2; taken.has(free); n++) free = `${id}-${n}`;
  return free;
}
