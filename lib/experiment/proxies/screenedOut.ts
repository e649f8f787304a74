// Which merges are not generated with, because proxies rank them clearly worse than merges that were. To leave one out makes nothing
// pass: its series ends there, as it does at a merge that is not shown to be safe. So what may be chosen is a part of what could be chosen
// if all were asked, at the same levels, whatever the proxies are worth, and no merge passes more often.

import type { ProxyScreening } from "../../report/types.js";
import { fromSafeEnd } from "../../select/order.js";
import { pairedDifference } from "../../statistics/pairedDifference.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import { candidateOf, type DeclaredSeries } from "../settings/declaredSeries.js";

/** The least lower end of the sample's rank correlation. It bounds no error; docs/statistics.md says what it does to the choice. */
export const LEAST_AGREEMENT = 0.7;

/** What screening knows of a merge. */
export interface Screenable {
  /** [seed][item]: how much rather it would refuse, and the loss of the task's answers. */
  readonly refusal: SeedValues;
  readonly taskLoss: SeedValues;
  /** What answers said of one of the sample: it qualifies among the sample; its measured difference is above the margin; or neither. */
  readonly found?: "qualifies" | "unsafe" | "neither" | undefined;
}

/** Which proxies rank the sample as its answers do. */
export type Trusted = Readonly<Record<"refusal" | "taskLoss", boolean>>;

type Why = ProxyScreening["screened"][number]["why"];

/** The values of a series from its safe end, in the order in which they are tried. */
export function valuesInOrder(series: DeclaredSeries): (number | undefined)[] {
  const all = series.values ?? [undefined];
  return [...all].sort((a, b) => fromSafeEnd(candidateOf(series, a), candidateOf(series, b)));
}

/** Those of them that are asked before anything is screened: every second one, the first among them. */
export function sampleOf(series: DeclaredSeries): (number | undefined)[] {
  return valuesInOrder(series).filter((_, at) => at % 2 === 0);
}

/**
 * @param series merges of each series, in the order in which they are tried
 * @returns of each merge why it is left out, in the same order; undefined: it is asked
 */
export function screenedOut(series: readonly (readonly Screenable[])[], trusted: Trusted): (Why | undefined)[][] {
  const all = series.flat();
  const unsafe = all.filter(({ found }) => found === "unsafe");
  const good = all.filter(({ found }) => found === "qualifies");
  const reasonOf = (one: Screenable): Why | undefined => {
    if (!trusted.refusal) return undefined;
    if (unsafe.some((other) => isBelow(one.refusal, other.refusal))) return "unsafe";
    const isDominated = (other: Screenable) =>
      isBelow(one.refusal, other.refusal) && isBelow(other.taskLoss, one.taskLoss);
    return trusted.taskLoss && good.some(isDominated) ? "dominated" : undefined;
  };
  return series.map((own) => {
    // without it the series would end before one that qualifies
    const needed = own.findLastIndex(({ found }) => found === "qualifies");
    let ended = false;
    return own.map((one, at) => {
      if (one.found || at < needed) return undefined;
      const reason = ended ? "series" : reasonOf(one);
      ended = reason !== undefined;
      return reason;
    });
  });
}

/** Whether the 95 % interval of the difference of their means, on the same items, lies below 0. */
function isBelow(one: SeedValues, other: SeedValues): boolean {
  return pairedDifference(other, one).high < 0;
}
