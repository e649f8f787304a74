// Whether skills and harmless requests have items enough for what the rule and its gate ask of them, after they are halved and at the
// level that each series gets.

import { completeRule, dividedLevel } from "../../select/rule.js";
import { itemsNeeded } from "../../statistics/itemsNeeded.js";
import { type ItemsToKeep, itemsToKeep } from "../../statistics/itemsToKeep.js";
import { tasksOfSkill } from "../checks/askedTasks.js";
import type { Checked } from "../checks/checked.js";
import { count, percent } from "../checks/numberWords.js";
import { skillFacts } from "../checks/skillFacts.js";
import type { ExperimentSettings } from "../settings/schema.js";
import type { KnownNumbers } from "./knownNumbers.js";

/** Numbers of items to choose and to confirm. */
export interface ItemsOfParts {
  readonly choose: number;
  readonly confirm: number;
}

export interface PlannedKeep extends ItemsOfParts {
  /** A skill, or "overRefusal". */
  readonly name: string;
  /** Of a skill: the share of the aligned model's score that is kept. */
  readonly share?: number | undefined;
  /** Of over-refusal: how far above the aligned model's. */
  readonly margin?: number | undefined;
  /** One-sided confidence of each comparison that chooses. */
  readonly level: number;
  /**
   * By the aligned model's number: items with which a merge passes that differs on none, and with which one that is as good passes in
   * 80 % of runs. Of a skill whose score is a loss none: there it depends on how much items vary.
   */
  readonly rates: readonly {
    readonly rate: number;
    /** Measured by an earlier run in this folder. */
    readonly known: boolean;
    readonly noneDiscordant: ItemsOfParts;
    readonly equallyGood: ItemsOfParts;
  }[];
}

/** Where the aligned model's number is not known: of over-refusal, and of skills. */
const [REFUSED, SCORES] = [
  [0.02, 0.2],
  [0.3, 0.6, 0.9],
];

/** @param known what an earlier run measured of the aligned model */
export function plannedKeeps(
  { select }: ExperimentSettings,
  checked: Pick<Checked, "tasks">,
  series: number,
  known: KnownNumbers,
): PlannedKeep[] {
  const { gate = "", level: whole } = completeRule(select);
  const level = dividedLevel(whole, series);
  const facts = skillFacts(checked, "validation") ?? {};
  const { safety, safetyTest } = checked.tasks;
  const harmless = { choose: itemsOf(safety, "over-refusal"), confirm: itemsOf(safetyTest, "over-refusal") };
  const wanted = new Map<string, PlannedKeep>();
  /** At the level that each series gets, and at the whole one. */
  const needed = (rate: number, isKnown: boolean, of: (level: number) => ItemsToKeep) => {
    const [choose, confirm] = [of(level), of(whole)];
    return {
      ...{ rate, known: isKnown },
      noneDiscordant: { choose: choose.noneDiscordant, confirm: confirm.noneDiscordant },
      equallyGood: { choose: choose.equallyGood, confirm: confirm.equallyGood },
    };
  };
  for (const [, number, unit, word = ""] of gate.matchAll(KEEP)) {
    const share = Number(number) / (unit === "%" ? 100 : 1);
    const name = word.replace(/^(["'])(.*)\1$/s, "$2");
    for (const skill of name === "skills" ? Object.keys(facts) : [name]) {
      const before = wanted.get(skill);
      if (!(share > 0 && share <= 1) || !facts[skill] || (before?.share ?? 0) >= share) continue;
      const own = known.skills[skill];
      const rates = (own === undefined ? SCORES : [own]).filter((rate) => rate > 0 && share < 1);
      wanted.set(skill, {
        ...{ name: skill, share, level },
        choose: itemsOf(tasksOfSkill(checked, "validation", skill)),
        confirm: itemsOf(tasksOfSkill(checked, "test", skill)),
        rates: (facts[skill].better === "low" ? [] : rates).map((rate) =>
          needed(rate, own !== undefined, (at) => itemsToKeep({ share, rate, level: at })),
        ),
      });
    }
  }
  for (const [, number, unit] of gate.matchAll(OVER)) {
    const margin = Number(number) / (unit === "%" ? 100 : 1);
    if (!(margin > 0 && margin < 1) || (wanted.get("overRefusal")?.margin ?? 1) <= margin) continue;
    const rates = known.overRefusal === undefined ? REFUSED : [known.overRefusal];
    wanted.set("overRefusal", {
      ...{ name: "overRefusal", margin, level, ...harmless },
      rates: rates.map((rate) =>
        needed(rate, known.overRefusal !== undefined, (at) => {
          const { noneDiscordant, equallySafe } = itemsNeeded({ margin, rate, level: at });
          return { noneDiscordant, equallyGood: equallySafe };
        }),
      ),
    });
  }
  return [...wanted.values()];
}

const KEEP = /\bkeep\s*(\d*\.?\d+)\s*(%?)\s*of\s*("[^"]*"|'[^']*'|\w+)/g;
const OVER = /\boverRefusal\s*<=?\s*aligned\s*\+\s*(\d*\.?\d+)\s*(%?)/g;

function itemsOf(tasks: Checked["tasks"]["safety"], kind?: "over-refusal"): number {
  return tasks.reduce((sum, task) => sum + (kind === undefined || task.kind === kind ? task.items.length : 0), 0);
}

export function keepsText(all: readonly PlannedKeep[]): string[] {
  return all.map(({ name, share, margin, choose, confirm, level, rates }) => {
    const what =
      share === undefined ? `${margin} more of over-refusal` : `${Number((100 * share).toFixed(2))} % of ${name}`;
    const there = `There are ${count(choose)} to choose and ${count(confirm)} to confirm.`;
    if (rates.length === 0) {
      const why =
        share === 1
          ? "no number of items is enough for one that is as good to pass"
          : "it depends on how much they vary";
      return `Items needed to show ${what}: ${why}. ${there}`;
    }
    const powers = rates.map(({ rate, known, noneDiscordant: none, equallyGood: good }) => {
      const where = known
        ? `where the aligned model's is ${rate.toFixed(3)}, as an earlier run here measured it`
        : `where the aligned model's is ${rate.toFixed(2)}`;
      return `${count(good.choose)} and ${count(good.confirm)} (at least ${count(none.choose)} and ${count(none.confirm)}) ${where}`;
    });
    const few = rates.every(({ noneDiscordant: none }) => choose < none.choose || confirm < none.confirm);
    const enough = rates.every(({ equallyGood: good }) => choose >= good.choose && confirm >= good.confirm);
    const verdict = few
      ? "Too few: no merge can pass. Ask more items, or allow more to be lost."
      : enough
        ? "These are enough."
        : "A merge that is as good may fail for want of items.";
    const kind = share === undefined ? "" : ", of items that are right or wrong,";
    return `Items needed to show ${what} at ${percent(level)}${kind} for a merge that is as good as the aligned model to pass in 80 % of runs: ${powers.join("; ")}. ${there} ${verdict}`;
  });
}
