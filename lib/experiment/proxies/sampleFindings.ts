// What the rule finds out of the merges that are asked before anything is screened.

import { completeTable, type SelectionSource } from "../../select/completeTable.js";
import { judge } from "../../select/judge.js";
import { candidateId } from "../../select/names.js";
import { qualify } from "../../select/qualify.js";
import { completeRule } from "../../select/rule.js";
import { SLACK } from "../../select/slack.js";
import { tableGate } from "../../select/tableGate.js";
import type { SelectionRule } from "../../select/types.js";
import type { Screenable } from "./screenedOut.js";

export type Finding = NonNullable<Screenable["found"]>;

/**
 * @param sample a table with some merges of every series, so that the level is divided as it will be for all
 * @returns by `candidateId`
 */
export function sampleFindings(sample: SelectionSource, select: SelectionRule): Map<string, Finding> {
  const [table, rule] = [completeTable(sample), completeRule(select)];
  const judged = judge(table, rule, tableGate(rule, table));
  const reasons = qualify(judged, rule);
  return new Map(
    judged.map((one, at): [string, Finding] => {
      const isUnsafe = one.plain.value > rule.margin + SLACK;
      return [candidateId(one.candidate), reasons[at] === undefined ? "qualifies" : isUnsafe ? "unsafe" : "neither"];
    }),
  );
}
