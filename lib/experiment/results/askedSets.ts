// Which sets were asked for what, and how many of their rows: where a limit held, a reader has to know.

import type { AskedSet } from "../../report/types.js";
import type { Checked } from "../checks/checked.js";

/** @param limit the experiment's, of each set */
export function askedSets(
  { safety, safetyTest, validation, test, split }: Checked["tasks"],
  limit: number | undefined,
): AskedSet[] {
  const parts = [
    ...[...safety, ...validation].map((task) => ({ part: "validation" as const, task })),
    ...[...safetyTest, ...test].map((task) => ({ part: "test" as const, task })),
  ];
  return parts.map(({ part, task: { name, kind, items, data } }) => {
    const halved = split === true && kind !== "task";
    const asked = halved
      ? [...safety, ...safetyTest].reduce((sum, task) => sum + (task.name === name ? task.items.length : 0), 0)
      : items.length;
    const rows = data.reduce((sum, one) => sum + one.rows, 0);
    return {
      ...{ name, kind, part, items: items.length, asked, rows },
      ...(halved && { halved: true as const }),
      ...(limit !== undefined && asked < rows && { limit }),
    };
  });
}
