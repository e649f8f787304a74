// The items of a table, in one order for all of its models, so that models are compared item by item.

import { partOf } from "../../evaluate/run/itemWeights.js";
import type { Results, TaskResults } from "../../evaluate/run/results.js";
import type { ItemName, ItemNames } from "../../report/types.js";
import type { SeedValues } from "../../statistics/seedValues.js";

export interface TableItem {
  /** "task/id". */
  readonly key: string;
  readonly set: string;
  /** sha256 of the prompt. */
  readonly prompt: string;
  readonly category?: string | undefined;
  /** How much it counts in the mean, in items: 1 where all count the same. */
  readonly weight: number;
  readonly group: string;
}

/** By kind of task; `selected` has those of sets that stand outside of the choice. */
export type TableItems = Readonly<Record<TaskResults["kind"] | "selected", readonly TableItem[]>> & {
  /** Of all skills, one after the other. */
  readonly skills: readonly SkillItem[];
};

export interface SkillItem extends TableItem {
  readonly skill: string;
}

/** Which sets are those of skills. */
export interface SkillSets {
  /** By the name of a set, its skill. */
  readonly skillOf: ReadonlyMap<string, string>;
  /** Names of the sets that are no sets of the task as well. */
  readonly only: ReadonlySet<string>;
}

const NO_SKILLS: SkillSets = { skillOf: new Map(), only: new Set() };

/**
 * The items of an evaluation, in its order. Where a task's number is a mean over groups, such as BBH's over its subtasks, its
 * items count as in that mean; tasks count by their numbers of items.
 * @param results of a model that was asked all items of the table, as the aligned one is
 */
export function tableItems(
  results: Pick<Results, "tasks"> | undefined,
  { skillOf, only }: SkillSets = NO_SKILLS,
): TableItems {
  const skills: SkillItem[] = [];
  const items: Record<Exclude<keyof TableItems, "skills">, TableItem[]> = {
    ...{ safety: [], "over-refusal": [], task: [], selected: [] },
  };
  for (const { name, kind, primary, selectedBy, stress, items: own } of results?.tasks ?? []) {
    if (stress !== undefined) continue; // of the same requests: its rate stands among the metrics
    const parts = own.map((item) => partOf(item, primary));
    const scale = own.length / parts.reduce((sum, { weight }) => sum + weight, 0);
    for (const [at, { id, category, prompt }] of own.entries()) {
      const { weight, group } = parts[at] as (typeof parts)[number];
      const counts = { weight: weight * scale, group: `${name}/${group}` };
      const item = { ...{ key: `${name}/${id}`, set: name, prompt, category }, ...counts };
      const skill = kind === "task" ? skillOf.get(name) : undefined;
      if (skill !== undefined) skills.push({ ...item, skill });
      if (!(kind === "task" && only.has(name))) items[selectedBy === undefined ? kind : "selected"].push(item);
    }
  }
  return { ...items, skills };
}

/** Weights and groups as statistics take them; nothing where all items count the same. */
export function weighing(items: readonly Pick<TableItem, "weight" | "group">[]): {
  weights?: number[];
  groups?: number[];
} {
  if (items.every(({ weight }) => weight === 1)) return {};
  const total = items.reduce((sum, { weight }) => sum + weight, 0);
  const groups = [...new Set(items.map(({ group }) => group))];
  return {
    weights: items.map(({ weight }) => weight / total),
    groups: items.map(({ group }) => groups.indexOf(group)),
  };
}

/** [seed][item]: each item's part of its task's primary metric; null where it was not asked, or has no verdict or answer. */
export function valuesOf(seeds: readonly Pick<Results, "tasks">[], items: readonly TableItem[]): SeedValues {
  return seeds.map(({ tasks }) => {
    const scores = new Map<string, number | null>();
    for (const { name, primary, items: own } of tasks) {
      for (const { id, scores: of } of own) scores.set(`${name}/${id}`, of[primary] ?? null);
    }
    return items.map(({ key }) => scores.get(key) ?? null);
  });
}

/** What results keep of a table's items: who pools several runs finds the same ones by it. Prompts themselves are not kept. */
export function itemNames(items: TableItems): ItemNames {
  let seen = new Map<string, number>();
  const named = (of: readonly (TableItem & Partial<SkillItem>)[]) =>
    of.map(({ set, prompt, category, skill }): ItemName => {
      const before = seen.get(`${set}/${prompt}`) ?? 0;
      seen.set(`${set}/${prompt}`, before + 1);
      return {
        set,
        prompt: before === 0 ? prompt : `${prompt}#${before + 1}`,
        ...(category !== undefined && { category }),
        ...(skill !== undefined && { skill }),
      };
    });
  const names = {
    safety: named(items.safety),
    overRefusal: named(items["over-refusal"]),
    task: named(items.task),
    selected: named(items.selected),
  };
  if (items.skills.length === 0) return names;
  seen = new Map(); // a set of the task may be a skill as well
  return { ...names, skills: named(items.skills) };
}
