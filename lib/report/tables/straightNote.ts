// What the share of straight lines is, where a method has one.

import type { Measured } from "../types.js";

export function straightNote(models: readonly Measured[]): string {
  return models.some(({ straightShare }) => straightShare !== undefined)
    ? " Straight lines: share of tensors so close to parallel that SLERP takes the line instead of the arc."
    : "";
}
