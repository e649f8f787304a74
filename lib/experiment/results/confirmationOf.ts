// Whether the chosen merge holds on the data that did not choose it, where its rule or gate has something to hold.

import { confirm } from "../../select/confirmChoice.js";
import { gateOf } from "../../select/rule.js";
import type { Candidate, Confirmation, SelectionTable } from "../../select/types.js";
import type { ExperimentSettings } from "../settings/schema.js";

/**
 * @param table of the test, without candidates
 * @param chosen as it was measured on the test
 * @returns undefined for the rules "score" and "knee" without a gate, which claim nothing
 */
export function confirmationOf(
  { labels, better, calibration, skills, aligned, tuned }: Omit<SelectionTable, "candidates">,
  chosen: Candidate,
  rule: ExperimentSettings["select"],
): Confirmation | undefined {
  if (rule.rule !== "constrained" && gateOf(rule) === undefined) return undefined;
  return confirm({ labels, better, calibration, skills, aligned, tuned, candidates: [] }, chosen, rule);
}
