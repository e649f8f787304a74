// Whether the three sets of a search have safety items enough for the margin: halves of halves are small, and a search takes long.

import { count, percent } from "../experiment/checks/numberWords.js";
import { dividedLevel } from "../select/rule.js";
import type { CompleteRule } from "../select/types.js";
import { itemsNeeded } from "../statistics/itemsNeeded.js";
import { SETS, type SetName } from "./measureEnds.js";

/** Of a set: its safety items, and the aligned model's rate on them. */
export interface SafetyItems {
  readonly items: number;
  readonly rate: number;
}

const PURPOSES: Readonly<Record<SetName, string>> = {
  search: "to search by",
  choose: "to choose by",
  confirm: "to confirm by",
};

/**
 * @param ways to search, between which the level is divided where a choice is made
 * @returns a sentence a set, and what follows; undefined where the rule compares no bound, or there is no rate to go by
 */
export function itemsNote(
  sets: Readonly<Record<SetName, SafetyItems>>,
  { margin, by, level }: Pick<CompleteRule, "margin" | "by" | "level">,
  ways: number,
): string | undefined {
  const isKnown = SETS.every((set) => sets[set].rate >= 0 && sets[set].rate <= 1);
  if (by === "point" || !(margin > 0 && margin < 1) || !isKnown) return undefined;
  const found = SETS.map((set) => {
    const own = set === "confirm" ? level : dividedLevel(level, ways);
    const { items, rate } = sets[set];
    return { set, own, items, ...itemsNeeded({ margin, rate, level: own }) };
  });
  const lines = found.map(
    ({ set, own, items, noneDiscordant, equallySafe }) =>
      `${count(items)} ${PURPOSES[set]} (at ${percent(own)}: at least ${count(noneDiscordant)}, where no answer differs from the aligned model's; ` +
      `${count(equallySafe)} for an equally safe merge to pass in 80 % of runs)`,
  );
  const verdict = found.some(({ items, noneDiscordant }) => items < noneDiscordant)
    ? "Too few: no merge can pass on each of them. Ask more requests, or allow a larger margin."
    : found.every(({ items, equallySafe }) => items >= equallySafe)
      ? "These are enough."
      : "An equally safe merge may fail for want of items.";
  return `Safety items for a margin of ${margin}: ${lines.join("; ")}. ${verdict}`;
}
