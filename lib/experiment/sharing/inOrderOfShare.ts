// Which steps a worker tries first.

import { createHash } from "node:crypto";
import type { Partition } from "../../output/partition.js";
import type { Shared } from "./workers.js";

/**
 * The worker's own share first, then that of the next worker and so on, so that two that are done with their own do not go for the
 * same step. Whose a step is follows from its claim alone; within a share the order stays.
 */
export function inOrderOfShare<T extends Shared>(steps: readonly T[], { index, count }: Partition): readonly T[] {
  const shares: T[][] = Array.from({ length: count }, () => []);
  for (const step of steps) {
    const share =
      createHash("sha256")
        .update(step.claim ?? step.key)
        .digest()
        .readUInt32BE() % count;
    (shares[(share - index + count) % count] as T[]).push(step);
  }
  return shares.flat();
}
