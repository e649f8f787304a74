// Splits a batch into parts that can run on different machines. Entries that share a stage, or of which one reads the
// other's output, stay together; the others are dealt out in turn.

import { checkPartition, type Partition } from "../output/partition.js";
import type { EntryJob } from "./graph.js";
import { entriesNeededBy } from "./places.js";

/** The entries of one part. Every entry is in exactly one part, and the parts depend on the batch alone. */
export function partOf(entries: readonly EntryJob[], { index, count }: Partition): EntryJob[] {
  checkPartition({ index, count });
  const loads = new Array<number>(count).fill(0);
  const chosen = new Set<EntryJob>();
  for (const group of groupsOf(entries)) {
    const least = leastOf(loads);
    loads[least] = (loads[least] ?? 0) + group.length;
    if (least === index) for (const entry of group) chosen.add(entry);
  }
  return entries.filter((entry) => chosen.has(entry));
}

function leastOf(loads: readonly number[]): number {
  let least = 0;
  for (const [at, load] of loads.entries()) if (load < (loads[least] as number)) least = at;
  return least;
}

/** Entries that must stay together, in the order of their first members. */
function groupsOf(entries: readonly EntryJob[]): EntryJob[][] {
  const parent = new Map<object, object>();
  const root = (member: object): object => {
    let at = member;
    for (let up = parent.get(at); up !== undefined; up = parent.get(at)) at = up;
    if (at !== member) parent.set(member, at);
    return at;
  };
  for (const entry of entries) {
    for (const other of [...entry.stages, ...entriesNeededBy(entry)]) {
      const [a, b] = [root(entry), root(other)];
      if (a !== b) parent.set(b, a);
    }
  }
  const groups = new Map<object, EntryJob[]>();
  for (const entry of entries) {
    const group = groups.get(root(entry)) ?? [];
    group.push(entry);
    groups.set(root(entry), group);
  }
  return [...groups.values()];
}
