// Which sets were asked for what, and how many of their rows: where a limit held, a reader has to know.

import type { AskedSet } from "../../report/types.js";
import { choosingTasks, confirmingTasks } from "../checks/askedTasks.js";
import type { Checked } from "../checks/checked.js";

/** @param limit the experiment's, of each set */
export function askedSets(tasks: Checked["tasks"], limit: number | undefined): AskedSet[] {
  const { safety, safetyTest, skills = [], skillsTest = [], split, halved: names, skillOf } = tasks;
  const parts = [
    ...choosingTasks({ tasks }).map((task) => ({ part: "validation" as const, task })),
    ...confirmingTasks({ tasks }).map((task) => ({ part: "test" as const, task })),
  ];
  return parts.map(({ part, task: { name, kind, stress, items, data } }) => {
    const halved = names ? names.has(name) : split === true && kind !== "task";
    const own = part === "test" ? skillsTest : skills;
    const skill = own.some((one) => one.name === name) ? skillOf?.get(name) : undefined;
    const asked = halved
      ? [...safety, ...safetyTest, ...skills, ...skillsTest].reduce(
          (sum, task) => sum + (task.name === name ? task.items.length : 0),
          0,
        )
      : items.length;
    const rows = data.reduce((sum, one) => sum + one.rows, 0);
    return {
      ...{ name, kind, part, items: items.length, asked, rows },
      ...(skill !== undefined && { skill }),
      ...(stress && { stress }),
      ...(halved && { halved: true as const }),
      ...(limit !== undefined && asked < rows && { limit }),
    };
  });
}
