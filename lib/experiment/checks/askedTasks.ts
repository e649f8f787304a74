// All that a model is asked: on the data that choose, and on those that confirm.

import type { Task } from "../../evaluate/types.js";
import type { Checked } from "./checked.js";
import { itemsOfSeed } from "./seedSplits.js";

type Asked = Pick<Checked, "tasks"> & Partial<Pick<Checked, "splits">>;

/** @param tuning whose split of the validation, if it has one */
export function choosingTasks({ tasks, splits }: Asked, tuning?: string): Task[] {
  return [...tasks.safety, ...itemsOfSeed(tasks.validation, splits, tuning), ...(tasks.skills ?? [])];
}

export function confirmingTasks({ tasks }: Asked): Task[] {
  return [...tasks.safetyTest, ...tasks.test, ...(tasks.skillsTest ?? [])];
}

/** Of both parts; a set that is whole in both is there once. */
export function allTasks(of: Asked): Task[] {
  return [...new Set([...choosingTasks(of), ...confirmingTasks(of)])];
}

/** The tasks of a skill in a part, those that are the task's own among them. */
export function tasksOfSkill({ tasks }: Asked, part: "validation" | "test", skill: string): Task[] {
  const all =
    part === "validation"
      ? [...tasks.validation, ...(tasks.skills ?? [])]
      : [...tasks.test, ...(tasks.skillsTest ?? [])];
  return all.filter(({ name }) => tasks.skillOf?.get(name) === skill);
}
