// Scales name the tensor whose rows they are of: by its place among a plan's drafts here, among the engine's tensors there.

import type { NativeTensor } from "../../addon/nativePlan.js";

/** What the engine makes of one draft: one tensor, or one for each way in which the points of a sweep make it. */
export interface DraftParts {
  /** Its place among the drafts. */
  readonly draft: number;
  readonly parts: readonly NativeTensor[];
}

/** The engine's tensors, in their order. Drafts and their scales have the same parts. */
export function numberScales(groups: readonly DraftParts[]): NativeTensor[] {
  const starts = new Map<number, number>();
  const tensors: NativeTensor[] = [];
  for (const { draft, parts } of groups) {
    starts.set(draft, tensors.length);
    parts.forEach((tensor, part) => {
      const { scalesOf } = tensor;
      tensors.push(scalesOf === undefined ? tensor : { ...tensor, scalesOf: (starts.get(scalesOf) ?? 0) + part });
    });
  }
  return tensors;
}
