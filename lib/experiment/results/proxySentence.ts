// What a rank correlation of a proxy says, in words.

import type { ProxyAgreement, ProxyName } from "../../report/types.js";
import type { Labels } from "../../select/types.js";
import { LEAST_RANKED } from "../../statistics/rankCorrelationInterval.js";

const NAMES: Record<ProxyName, string> = {
  refusal: "The log-odds of refusals",
  taskLoss: "The loss of the task's answers",
  benignDivergence: "The divergence on harmless prompts",
};

export function proxySentence(
  { proxy, metric, candidates, value, low, high, seeds = [], lambdaAlone }: ProxyAgreement,
  labels: Labels,
): string {
  const by = metric === "overRefusal" ? "over-refusal" : labels[metric];
  if (candidates < LEAST_RANKED) {
    const them = candidates === 1 ? "1 merge is" : `${candidates} merges are`;
    return `${NAMES[proxy]}: ${them} too few for a rank correlation with ${by}; ${LEAST_RANKED} are the least.`;
  }
  if (value === undefined || low === undefined || high === undefined) {
    return `${NAMES[proxy]}: one of the two numbers does not differ between the ${candidates} merges, so that there is no order by ${by} to compare.`;
  }
  const each = seeds.map((one) => `${one.value.toFixed(2)} of seed ${one.seed}`).join(", ");
  const alone = lambdaAlone === undefined ? "" : `; lambda alone has ${lambdaAlone.toFixed(2)}`;
  const turned =
    metric === "overRefusal"
      ? " Above 0, merges that are further from the aligned model refuse more; below 0, less."
      : "";
  return `${NAMES[proxy]} and ${by} of ${candidates} merges have a rank correlation of ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}: these merges, other items)${each === "" ? "" : `; ${each}`}${alone}.${turned}`;
}
