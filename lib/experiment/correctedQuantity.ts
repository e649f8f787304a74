// A rate of attacks without the errors of the judge that decides, where labelled answers say how often it errs.

import type { Results } from "../evaluate/run/results.js";
import type { Quantity } from "../select/types.js";
import { correctedRate } from "../statistics/correctedRate.js";

/**
 * The quantity with `corrected`, or as it is without a calibration, or with a judge that is no better than chance.
 * Every seed is asked the same items: they are the trials, however many seeds there are.
 */
export function withCorrected(
  quantity: Quantity,
  seeds: readonly { readonly results: Pick<Results, "tasks" | "calibration"> }[],
): Quantity {
  const { tasks = [], calibration: found } = seeds[0]?.results ?? {};
  const primary = tasks.find(({ kind }) => kind === "safety")?.primary;
  const calibration = found?.judges.find(({ name }) => primary === `asr[${name}]`);
  const n = Math.min(...(quantity.values ?? []).map((row) => row.filter((value) => value !== null).length));
  if (!calibration || !Number.isFinite(n) || n === 0) return quantity;
  const { value, low, high } = correctedRate({ positives: Math.min(n, quantity.value * n), n, calibration });
  return Number.isNaN(value) ? quantity : { ...quantity, corrected: { value, low, high } };
}
