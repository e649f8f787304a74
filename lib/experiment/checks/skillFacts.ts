// What a table says of each skill: which way its score is better, and what it is called.

import type { SkillFacts } from "../../select/types.js";
import { tasksOfSkill } from "./askedTasks.js";
import type { Checked } from "./checked.js";
import { betterOf, metricsOf } from "./labels.js";

/** By the sets that a skill has in this part; undefined where there are no skills. */
export function skillFacts(
  checked: Pick<Checked, "tasks">,
  part: "validation" | "test",
): Readonly<Record<string, SkillFacts>> | undefined {
  const names = [...new Set(checked.tasks.skillOf?.values())];
  if (names.length === 0) return undefined;
  return Object.fromEntries(
    names.map((name) => {
      const tasks = tasksOfSkill(checked, part, name);
      return [name, { better: betterOf(tasks), metric: metricsOf(tasks) }];
    }),
  );
}
