// Which sets of an evaluation only stand beside a choice: they are shown, and in no rule, gate or test.

import type { Task } from "../types.js";

/**
 * Whether a set says nothing to choose by: its items were selected by a model's own answers, or its requests are those of another set,
 * made harder to refuse.
 */
export function isOutsideOfChoice({ selectedBy, stress }: Pick<Task, "selectedBy" | "stress">): boolean {
  return selectedBy !== undefined || stress !== undefined;
}
