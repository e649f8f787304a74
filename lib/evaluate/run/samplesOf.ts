// The numbers of the answers that a task asks to each item.

import type { Task } from "../types.js";

/** 0 … samples - 1. */
export function samplesOf({ decoding }: Pick<Task, "decoding">): number[] {
  return Array.from({ length: decoding.samples ?? 1 }, (_, sample) => sample);
}
