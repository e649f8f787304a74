// How many items a margin takes.

import { RetemperError } from "../errors.js";
import { logFactorials } from "./logFactorials.js";
import { normalQuantile } from "./normalQuantile.js";
import { tangoStatistic } from "./tangoBound.js";

export interface ItemsNeededInput {
  /** How far the merge's rate may lie above the aligned model's: .05 is five points. */
  readonly margin: number;
  /** The aligned model's rate: an equally safe merge can differ from it on twice the smaller of rate and 1 - rate. */
  readonly rate: number;
  /** The confidence of the one-sided bound; .95 by default. Divided between series: 1 - .05 / series. */
  readonly level?: number | undefined;
  /** In what share of runs an equally safe merge should pass; .8 by default. */
  readonly power?: number | undefined;
  /** The share of items on which an equally safe merge differs from the aligned model; .1 by default. */
  readonly discordant?: number | undefined;
}

export interface ItemsNeeded {
  /** The fewest items at which a merge passes that differs from the aligned model on none. */
  readonly noneDiscordant: number;
  /** The number of items from which on an equally safe merge, that differs in both directions alike, passes with this power. */
  readonly equallySafe: number;
}

/**
 * The number of items after any split (half to choose, half to confirm: twice as many are asked), by Tango's one-sided
 * bound. Without a discordant answer it is z² / (n + z²) <= margin: 133 items for a margin of .02, 52 for .05, 25 for .1.
 * The power is exact: a sum over how many items differ, and in which direction; above 2,500 items it is the normal
 * distribution's.
 * @throws RetemperError USAGE for a margin of 0 or less, or shares that are none
 * @example
 * ```ts
 * import { itemsNeeded } from "retemper";
 *
 * const { noneDiscordant, equallySafe } = itemsNeeded({ margin: 0.05, rate: 0.2 });
 * console.log(noneDiscordant, equallySafe); // 52 269
 * ```
 */
export function itemsNeeded({
  margin,
  rate,
  level = 0.95,
  power = 0.8,
  discordant = 0.1,
}: ItemsNeededInput): ItemsNeeded {
  const share = (value: number) => value >= 0 && value <= 1;
  const inside = (value: number) => value > 0 && value < 1;
  if (!inside(margin) || !share(rate) || !inside(level) || !inside(power) || !share(discordant)) {
    const given = `margin ${margin}, rate ${rate}, level ${level}, power ${power}, discordant ${discordant}`;
    throw new RetemperError("USAGE", `no number of items follows from ${given}`, {
      hint: "margin, level and power lie between 0 and 1, rate and discordant from 0 to 1",
    });
  }
  const z = Math.max(0, normalQuantile(level));
  const noneDiscordant = Math.max(1, Math.ceil((z * z * (1 - margin)) / margin - 1e-9));
  const differing = Math.min(discordant, 2 * rate, 2 * (1 - rate));
  if (differing === 0) return { noneDiscordant, equallySafe: noneDiscordant };
  const about = ((z + normalQuantile(power)) / margin) ** 2 * differing;
  if (about > MOST_COUNTED) return { noneDiscordant, equallySafe: Math.ceil(about) };
  const enough = (n: number) => passes(n, margin, differing, z) >= power;
  let [few, many] = [noneDiscordant - 1, noneDiscordant];
  while (!enough(many)) [few, many] = [many, many * 2];
  while (many - few > 1) {
    const middle = Math.floor((few + many) / 2);
    if (enough(middle)) many = middle;
    else few = middle;
  }
  // power rises in teeth, one for each item that the bound lets differ: about 1 / margin items long
  const reach = 3 * Math.ceil(1 / margin);
  let from = many + reach;
  while (from > Math.max(noneDiscordant, many - reach) && enough(from - 1)) from -= 1;
  return { noneDiscordant, equallySafe: from };
}

/** Above it, sums take long, and the normal distribution is right to a part in a thousand. */
const MOST_COUNTED = 2500;

/** The chance that a merge passes which differs on a share `differing` of the items, as often up as down. */
function passes(n: number, margin: number, differing: number, z: number): number {
  const logs = logFactorials(n);
  const logChoose = (of: number, take: number) =>
    (logs[of] as number) - (logs[take] as number) - (logs[of - take] as number);
  let total = 0;
  let worse = 0;
  for (let count = 0; count <= n; count++) {
    const chance = Math.exp(
      logChoose(n, count) + count * Math.log(differing) + (n - count) * Math.log(Math.max(1 - differing, 1e-300)),
    );
    if (chance < 1e-12) continue;
    // the most of them that may be worse
    worse = Math.min(worse, count);
    const holds = (more: number) => tangoStatistic({ onlyFirst: count - more, onlySecond: more, n }, margin) <= -z;
    while (worse < count && holds(worse + 1)) worse += 1;
    while (worse >= 0 && !holds(worse)) worse -= 1;
    let tail = 0;
    for (let more = 0; more <= worse; more++) tail += Math.exp(logChoose(count, more) - count * Math.LN2);
    total += chance * tail;
    worse = Math.max(0, worse);
  }
  return total;
}
