// How a judge's model is opened that has an adapter.

import { recipeOf } from "./recipeOf.js";

/**
 * "linear" for BASE+ADAPTER: the adapter's products are summed, as peft has it where an adapter is not merged, which is how such
 * judges are run by those who made them. A merge that rounds the sum to bfloat16 ("exact") gives other grades. undefined for a
 * model without an adapter, and for a server's address.
 * @example
 * ```ts
 * import { adapterFidelity } from "retemper";
 *
 * console.log(adapterFidelity("google/gemma-2b+qylu4156/strongreject-15k-v1")); // linear
 * ```
 */
export function adapterFidelity(source: string): "linear" | undefined {
  if (/^https?:\/\//i.test(source)) return undefined;
  return typeof recipeOf(source) === "object" ? "linear" : undefined;
}
