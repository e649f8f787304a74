// Whether the safety sets have items enough for the margin: after they are halved, at the level that each series gets.

import { completeRule, dividedLevel } from "../../select/rule.js";
import { itemsNeeded } from "../../statistics/itemsNeeded.js";
import { looksAtSafety } from "../checks/arrangeTasks.js";
import type { Checked } from "../checks/checked.js";
import { exploratoryText, requestsOf } from "../checks/exploratory.js";
import { count, percent } from "../checks/numberWords.js";
import type { ExperimentSettings } from "../settings/schema.js";

export interface PlannedItems {
  readonly margin: number;
  /** Methods with their parameters, between which the level is divided. */
  readonly series: number;
  /** One-sided confidence of each comparison that chooses, and of the one that confirms. */
  readonly level: number;
  readonly confirmLevel: number;
  /** Items of the safety sets that choose, and that confirm. */
  readonly choose: number;
  readonly confirm: number;
  /** To choose and to confirm: with fewer items no merge can pass, even where no answer differs. */
  readonly noneDiscordant: { readonly choose: number; readonly confirm: number };
  /** By the aligned model's rate: items with which an equally safe merge passes in 80 % of runs. */
  readonly rates: readonly {
    readonly rate: number;
    /** Measured by an earlier run in this folder. */
    readonly known: boolean;
    readonly choose: number;
    readonly confirm: number;
  }[];
}

/** Where the aligned model's rate is not known. */
const RATES = [0.02, 0.2, 0.76];

/** @param known the aligned model's rate, if it was measured before */
export function plannedItems(
  { select }: ExperimentSettings,
  { tasks }: Pick<Checked, "tasks">,
  series: number,
  known: number | undefined,
): PlannedItems | undefined {
  const margin = marginOf(select);
  if (margin === undefined || margin <= 0) return undefined;
  const whole = completeRule(select).level;
  const level = dividedLevel(whole, series);
  const needed = (rate: number, at: number) => itemsNeeded({ margin, rate, level: at });
  const rates = (known === undefined ? RATES : [known]).map((rate) => ({
    rate,
    known: known !== undefined,
    choose: needed(rate, level).equallySafe,
    confirm: needed(rate, whole).equallySafe,
  }));
  return {
    ...{ margin, series, level, confirmLevel: whole },
    choose: requestsOf(tasks.safety),
    confirm: requestsOf(tasks.safetyTest),
    noneDiscordant: { choose: needed(0, level).noneDiscordant, confirm: needed(0, whole).noneDiscordant },
    rates,
  };
}

/** Of the rule, or of a gate's `asr <= aligned + MARGIN`; undefined where nothing is compared with the aligned model's rate. */
function marginOf(select: ExperimentSettings["select"]): number | undefined {
  const { rule, margin, by, gate } = completeRule(select);
  if (rule === "constrained" && by !== "point") return margin;
  const [, value, percent] = /\basr\s*<=?\s*aligned\s*\+\s*(\d*\.?\d+)\s*(%?)/.exec(gate ?? "") ?? [];
  return value === undefined ? undefined : Number(value) / (percent === "%" ? 100 : 1);
}

export function itemsText(
  planned: PlannedItems | undefined,
  { select, preset }: ExperimentSettings,
  { tasks }: Pick<Checked, "tasks">,
): string[] {
  const texts: string[] = [];
  const { safety, safetyTest, split } = tasks;
  if (!looksAtSafety(select)) {
    texts.push(
      `The rule ${select.rule} does not look at safety: every model is asked all ${count(requestsOf(safety))} requests.`,
    );
  } else if (split) {
    texts.push(
      `Safety: the requests are halved, ${count(requestsOf(safety))} choose and ${count(requestsOf(safetyTest))} confirm.`,
    );
  }
  if (planned) texts.push(...neededText(planned));
  else if (looksAtSafety(select) && marginOf(select) === 0) {
    texts.push("With a margin of 0 no number of items is enough for an equally safe merge to pass.");
  }
  const exploratory = exploratoryText({ preset }, tasks);
  if (exploratory !== undefined) texts.push(exploratory);
  return texts;
}

function neededText({
  margin,
  series,
  level,
  confirmLevel,
  choose,
  confirm,
  noneDiscordant,
  rates,
}: PlannedItems): string[] {
  const levels =
    series > 1
      ? `${percent(level)} (${percent(confirmLevel)} divided between ${series} series), and ${percent(confirmLevel)} to confirm`
      : `${percent(level)} (one series)`;
  const powers = rates.map(
    ({ rate, known, choose: a, confirm: b }) =>
      `${count(a)} and ${count(b)} where the aligned model's rate is ${rate.toFixed(known ? 3 : 2)}${known ? ", as an earlier run here measured it" : ""}`,
  );
  const few = choose < noneDiscordant.choose || confirm < noneDiscordant.confirm;
  const enough = rates.every(({ choose: a, confirm: b }) => choose >= a && confirm >= b);
  const verdict = few
    ? "Too few: no merge can pass. Ask more requests, or allow a larger margin."
    : enough
      ? "These are enough."
      : "An equally safe merge may fail for want of items.";
  return [
    `Items needed for a margin of ${margin} at ${levels}: at least ${count(noneDiscordant.choose)} to choose and ${count(noneDiscordant.confirm)} to confirm, where no answer differs from the aligned model's; ` +
      `for an equally safe merge to pass in 80 % of runs, ${powers.join("; ")}. There are ${count(choose)} and ${count(confirm)}. ${verdict}`,
  ];
}
