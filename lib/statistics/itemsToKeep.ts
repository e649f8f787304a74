// How many items it takes to show that a share of a skill is kept.

import { RetemperError } from "../errors.js";
import { logFactorials } from "./logFactorials.js";
import { normalQuantile } from "./normalQuantile.js";
import { scoreStatistic } from "./scoreBound.js";

export interface ItemsToKeepInput {
  /** Of the aligned model's score: .98 lets a merge lose a fiftieth of it. */
  readonly share: number;
  /** The aligned model's score, of items that are right or wrong. */
  readonly rate: number;
  /** The confidence of the one-sided bound; .95 by default. Divided between series: 1 - .05 / series. */
  readonly level?: number | undefined;
  /** In what share of runs a merge that is as good should pass; .8 by default. */
  readonly power?: number | undefined;
  /** The share of items on which such a merge differs from the aligned model; .1 by default. */
  readonly discordant?: number | undefined;
}

export interface ItemsToKeep {
  /** The fewest items at which a merge passes that differs from the aligned model on none. */
  readonly noneDiscordant: number;
  /** The number of items from which on a merge that is as good, and differs in both directions alike, passes with this power. */
  readonly equallyGood: number;
}

/**
 * The number of items after any split (half to choose, half to confirm: twice as many are asked), by the score bound of
 * score(merged) - share · score(aligned) over the same items (see pairedDifference). The power is exact: a sum over how many of the
 * aligned model's right items are lost and how many of its wrong ones are won; above 1,000 items it is the normal distribution's.
 * @throws RetemperError USAGE for shares that are none, and where all of the score is to be kept: no number is enough for that
 * @example
 * ```ts
 * import { itemsToKeep } from "retemper";
 *
 * const { noneDiscordant, equallyGood } = itemsToKeep({ share: 0.9, rate: 0.6 });
 * console.log(noneDiscordant, equallyGood); // 41 173
 * ```
 */
export function itemsToKeep({
  share,
  rate,
  level = 0.95,
  power = 0.8,
  discordant = 0.1,
}: ItemsToKeepInput): ItemsToKeep {
  const inside = (value: number) => value > 0 && value < 1;
  const rates = rate > 0 && rate <= 1 && discordant >= 0 && discordant <= 1;
  if (!inside(share) || !inside(level) || !inside(power) || !rates) {
    const given = `share ${share}, rate ${rate}, level ${level}, power ${power}, discordant ${discordant}`;
    throw new RetemperError("USAGE", `no number of items follows from ${given}`, {
      hint: "share, level and power lie between 0 and 1, rate is above 0 and at most 1, discordant from 0 to 1",
    });
  }
  const z = Math.max(0, normalQuantile(level));
  const shows = (lost: number, won: number, right: number, n: number) =>
    scoreStatistic(
      [
        { value: 1, count: won },
        { value: 1 - share, count: right - lost },
        { value: 0, count: n - right - won },
        { value: -share, count: lost },
      ],
      0,
    ) >= z;
  const noneDiscordant = fewest(1, (n) => shows(0, 0, rate * n, n));
  const differing = Math.min(discordant, 2 * rate, 2 * (1 - rate));
  if (differing === 0) return { noneDiscordant, equallyGood: noneDiscordant };
  const margin = rate * (1 - share);
  const squares = (differing / 2) * (1 + share ** 2) + (rate - differing / 2) * (1 - share) ** 2;
  const about = ((z + normalQuantile(power)) / margin) ** 2 * (squares - margin ** 2);
  if (about > MOST_COUNTED) return { noneDiscordant, equallyGood: Math.max(noneDiscordant, Math.ceil(about)) };
  const enough = (n: number) => {
    const right = Math.round(rate * n);
    const [losing, winning] = [differing / 2 / rate, differing / 2 / (1 - rate)];
    return passes({ right, n, losing, winning }, shows) >= power;
  };
  const first = fewest(noneDiscordant, enough);
  // power rises in teeth: it may fall below once more a little later
  let last = first;
  for (let n = first + 1; n <= first + REACH; n++) if (!enough(n)) last = n + 1;
  return { noneDiscordant, equallyGood: last };
}

/** Above it, sums take long, and the normal distribution is right to a part in a hundred. */
const MOST_COUNTED = 1000;
/** Items beyond the first number that is enough, in which it may be too few again. */
const REACH = 20;
/** Chances below this add up to nothing. */
const NOTHING = 1e-12;

/** The fewest from `least` on, of a condition that goes on to hold where it holds (or nearly). */
function fewest(least: number, holds: (n: number) => boolean): number {
  if (holds(least)) return least;
  let [few, many] = [least, least * 2];
  while (!holds(many)) [few, many] = [many, many * 2];
  while (many - few > 1) {
    const middle = Math.floor((few + many) / 2);
    if (holds(middle)) many = middle;
    else few = middle;
  }
  return many;
}

interface Flips {
  /** Items that the aligned model has right, of n. */
  readonly right: number;
  readonly n: number;
  /** Of each right item the chance that the merge loses it, and of each wrong one that it wins it. */
  readonly losing: number;
  readonly winning: number;
}

/** The chance that what is lost and won lets a merge pass. */
function passes(
  { right, n, losing, winning }: Flips,
  shows: (lost: number, won: number, right: number, n: number) => boolean,
): number {
  const logs = logFactorials(n);
  const wins = chances(n - right, winning, logs);
  // of each number of items that are won: the chance of so many or more
  const atLeast = new Float64Array(wins.length + 1);
  for (let won = wins.length - 1; won >= 0; won--) atLeast[won] = (atLeast[won + 1] as number) + (wins[won] as number);
  let [total, needed] = [0, 0];
  for (const [lost, chance] of chances(right, losing, logs).entries()) {
    if (chance <= NOTHING) continue;
    // the more is lost, the more has to be won
    while (needed <= n - right && !shows(lost, needed, right, n)) needed += 1;
    if (needed > n - right) break;
    total += chance * (atLeast[needed] as number);
  }
  return total;
}

/** Of 0 to n events with one chance each. */
function chances(n: number, chance: number, logs: Float64Array): Float64Array {
  return Float64Array.from({ length: n + 1 }, (_, count) => {
    const ways = (logs[n] as number) - (logs[count] as number) - (logs[n - count] as number);
    return Math.exp(ways + count * Math.log(chance) + (n - count) * Math.log(Math.max(1 - chance, 1e-300)));
  });
}
