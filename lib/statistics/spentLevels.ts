// The levels of a test that looks at its items as they come in, so that all looks together err no more often than one would.

import { RetemperError } from "../errors.js";
import { checkLevel } from "./checkLevel.js";
import { normalDensity, normalShare } from "./normalShare.js";

/** Of the chance to err: what the looks before the last may spend. */
const EARLY = 0.1;
/** Points of a grid over the statistic, and how far it reaches, in standard deviations. */
const POINTS = 301;
const REACH = 8;

/** Levels that were worked out, which takes a tenth of a second: they are asked for again and again. */
const known = new Map<string, readonly number[]>();
const MOST_KNOWN = 64;

/**
 * The one-sided confidence of each look: a bound that is taken at these levels, and believed at the first look at which it keeps
 * within the margin, errs in at most 1 - level of cases. The looks before the last spend a tenth of that chance, in proportion to
 * their items, so that the last one, which spends the rest, decides nearly as it would alone (as Haybittle's and Peto's rule
 * does; alpha spending is Lan and DeMets', Biometrika 70, 1983). The chance to cross at a look and at none before is
 * integrated from look to look (Armitage, McPherson and Rowe, J. R. Stat. Soc. A 132, 1969).
 * @param shares of all items that each look has, rising, the last of them 1
 * @throws RetemperError USAGE for a level or shares that cannot be
 * @example
 * ```ts
 * import { spentLevels } from "retemper";
 *
 * console.log(spentLevels(0.95, [0.5, 1]).map((level) => level.toFixed(4))); // [ '0.9975', '0.9506' ]
 * ```
 */
export function spentLevels(level: number, shares: readonly number[]): readonly number[] {
  checkLevel(level);
  const rising = shares.every((share, at) => share > (shares[at - 1] ?? 0)) && shares.at(-1) === 1;
  if (!rising) {
    throw new RetemperError("USAGE", `looks at ${shares.join(", ")} of the items do not rise to 1`, {
      hint: "give the share of the items at each look, the last of them 1",
    });
  }
  const key = [level, ...shares].join(" ");
  const found =
    known.get(key) ??
    boundsAt(
      shares.map((share) => (1 - level) * (share === 1 ? 1 : EARLY * share)),
      shares,
    );
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, found);
  return found;
}

interface Mass {
  readonly at: number;
  readonly mass: number;
}

/** @param spent chance to have crossed by each look @returns of each look, the standard normal's share below its bound */
export function boundsAt(spent: readonly number[], shares: readonly number[]): number[] {
  // of the statistic's value, which varies as much as there are items: where those are that crossed at no look yet
  let open: readonly Mass[] = [{ at: 0, mass: 1 }];
  return shares.map((share, look) => {
    const wanted = (spent[look] as number) - (spent[look - 1] ?? 0);
    const [whole, deviation] = [Math.sqrt(share), Math.sqrt(share - (shares[look - 1] ?? 0))];
    const beyond = (bound: number) =>
      open.reduce((sum, { at, mass }) => sum + mass * normalShare((at - bound) / deviation), 0);
    let [low, high] = [-REACH * whole, REACH * whole];
    for (let step = 0; step < 60; step++) {
      const middle = (low + high) / 2;
      if (beyond(middle) > wanted) low = middle;
      else high = middle;
    }
    const bound = (low + high) / 2;
    if (look < shares.length - 1) open = stillOpen(open, bound, deviation, whole);
    return normalShare(bound / whole);
  });
}

/** Where the statistic is after a look, of those that have not crossed: Simpson's rule from its lower end to the bound. */
function stillOpen(open: readonly Mass[], bound: number, deviation: number, whole: number): Mass[] {
  const low = -REACH * whole;
  const step = (bound - low) / (POINTS - 1);
  return Array.from({ length: POINTS }, (_, point): Mass => {
    const at = low + point * step;
    const weight = ((point === 0 || point === POINTS - 1 ? 1 : point % 2 === 0 ? 2 : 4) * step) / 3;
    const density = open.reduce((sum, one) => sum + one.mass * normalDensity((at - one.at) / deviation), 0) / deviation;
    return { at, mass: weight * density };
  });
}
