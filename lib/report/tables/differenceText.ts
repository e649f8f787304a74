// How far one model is from another on the same items, with its interval.

import type { Quantity } from "../../select/types.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import { signed } from "../numbers.js";

/** b - a: "+0.093 (+0.022 to +0.160)"; the value alone where items are not known. */
export function differenceText(a: Quantity | undefined, b: Quantity | undefined): string {
  if (!a || !b) return "";
  const { values: left, weights, groups } = a;
  const { values: right } = b;
  if (!left || !right) return signed(b.value - a.value);
  const { value, low, high, n } = pairedDifference(left, right, { weights, groups });
  return n === 0 ? "" : `${signed(value)} (${signed(low)} to ${signed(high)})`;
}
