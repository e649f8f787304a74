// What the task items that were asked so far say of a candidate: whether it can still keep enough of the gain, and still win.

import { differenceBound, type Operand } from "../../select/differenceBound.js";
import type { Point, Quantity } from "../../select/types.js";
import { quantityOf } from "./quantityOf.js";
import type { AdaptivePlan, AskedItems } from "./types.js";

/** A candidate is left where the chance that it does, on all items, what it would have to is below this. */
export const LEFT = 0.02;

/** Whether it cannot keep the share of the gain that the rule asks for. */
export function cannotBeUseful(plan: AdaptivePlan, aligned: Point, tuned: Point, asked: AskedItems): boolean {
  const { minGain } = plan.rule;
  if (minGain === 0) return false;
  const [of, full] = [operand(aligned.score, 1 - minGain), operand(tuned.score, minGain)];
  return fallsShort(plan, asked, [of, full]);
}

/** Whether it cannot reach the score of another, which was asked at least as many items. */
export function cannotReach(plan: AdaptivePlan, asked: AskedItems, other: AskedItems): boolean {
  return fallsShort(plan, asked, [operand(quantityOf(plan.items.task, other.values, other.asked), 1)]);
}

/** Whether its score on all items is the worse one, but for a small chance: as far as the mean of those asked can still move. */
function fallsShort(
  { items, better = "high" }: AdaptivePlan,
  { asked, values }: AskedItems,
  others: readonly Operand[],
) {
  const share = asked / items.task.order.length;
  const own = operand(quantityOf(items.task, values, asked), 1);
  const high = better === "high";
  const { value, bound } = differenceBound(own, others, { level: 1 - LEFT, side: high ? "upper" : "lower" });
  const reach = value + (bound - value) * Math.sqrt(1 - share);
  return high ? reach < 0 : reach > 0;
}

function operand(quantity: Quantity, factor: number): Operand {
  return { quantity, factor, items: "score", rate: false };
}
