// The gate of a rule, read with the skills that a table has.

import { type Gate, parseGate } from "./gate.js";
import type { CompleteRule, SelectionTable } from "./types.js";

/**
 * undefined for a rule without a gate.
 * @throws RetemperError USAGE as `parseGate` does, also where it names a skill that the table does not have
 */
export function tableGate(
  { gate }: Pick<CompleteRule, "gate">,
  { skills = {} }: Pick<SelectionTable, "skills">,
): Gate | undefined {
  return gate === undefined ? undefined : parseGate(gate, Object.keys(skills));
}
