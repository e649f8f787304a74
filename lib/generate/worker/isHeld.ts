// Whether the weights of a virtual merge are made once and kept.

import type { ThreadRequest } from "./messages.js";

/** Of what may be taken in all, what weights that are decoded once may have: the rest is for the cache and other models. */
const SHARE = 0.5;

/**
 * @param bytes what they take, made
 * @param limit what the model may take in all
 */
export function isHeld(
  { options, holdsWithRoom }: Pick<ThreadRequest, "options" | "holdsWithRoom">,
  bytes: number,
  limit: number,
): boolean {
  return options.hold ?? (holdsWithRoom === true && bytes <= SHARE * limit);
}
