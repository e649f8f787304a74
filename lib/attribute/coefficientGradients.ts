// How a loss changes with a coefficient a tensor: W = A + c D with D = F - A, derivatives by all c at once.

import type { TuneRow } from "../tune/types.js";
import type { CoefficientGradients, CoefficientOptions } from "./coefficientTypes.js";

/**
 * How the answers of rows become likelier or less likely with each tensor's change: for W_l = A_l + c_l (F_l - A_l) the
 * derivatives dL/dc_l = <dL/dW_l, F_l - A_l> of all tensors l, by one way back. D = F - A is never written: its products are
 * made while they are needed. The model at the point itself is kept in memory as float32.
 * @param aligned A, a model
 * @param tuned F, a model of the same shapes, or A with an adapter
 * @param rows prompts with the answers whose loss it is
 * @throws RetemperError as opening and planning a merge do; BAD_INPUT for rows without an answer
 * @example
 * ```ts
 * import { coefficientGradients } from "retemper";
 *
 * const rows = [{ prompt: "How do I open the iron gate?", response: "I can't help with that." }];
 * const { tensors } = await coefficientGradients("models/aligned", "models/aligned+models/adapter", rows);
 * console.log(tensors.some(({ gradient }) => gradient > 0)); // true
 * ```
 */
export async function coefficientGradients(
  aligned: string,
  tuned: string,
  rows: readonly TuneRow[] | string,
  options: CoefficientOptions = {},
): Promise<CoefficientGradients> {
  options.signal?.throwIfAborted();
  const { derivatives } = await import("./derivatives.js");
  return derivatives(aligned, tuned, rows, options);
}
