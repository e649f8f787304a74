// What the level of an interval may be.

import { RetemperError } from "../errors.js";

/** @throws RetemperError USAGE for a confidence that is not between 0 and 1 */
export function checkLevel(level: number): void {
  if (level > 0 && level < 1) return;
  throw new RetemperError("USAGE", `there is no interval with confidence ${level}`, { hint: "give 0 < level < 1" });
}
