// Which part of the work on one output is a process's, where several do it.

import { RetemperError } from "../errors.js";

export interface Partition {
  /** From 0 to `count` - 1. */
  readonly index: number;
  readonly count: number;
}

const MOST = 1_000_000;

/** @throws RetemperError USAGE */
export function checkPartition({ index, count }: Partition): void {
  const whole = Number.isSafeInteger(index) && Number.isSafeInteger(count) && count <= MOST;
  if (whole && index >= 0 && index < count) return;
  throw new RetemperError("USAGE", `there is no part ${index} of ${count}`, {
    hint: `parts are counted from 0: ${count > 0 ? `0/${count} to ${count - 1}/${count}` : "0/1"}`,
  });
}
