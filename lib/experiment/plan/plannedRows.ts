// Which rows a run learns, which choose lambda, and where they were divided: in numbers and in words.

import { dirname, join } from "node:path";
import { readTextAtMost } from "../../files/readAtMost.js";
import type { Checked } from "../checks/checked.js";
import { count, percent } from "../checks/numberWords.js";
import { isPerSeed, itemsOfSeed, ofSeed } from "../checks/seedSplits.js";
import type { ExperimentSettings } from "../settings/schema.js";

/** The rows of one tuning. */
export interface PlannedRows {
  readonly seed: string;
  /** As the experiment names them. */
  readonly data: string;
  readonly learned: number;
  /** Rows that the tuning itself holds out (`tune.options.validation`), which choose nothing. */
  readonly heldOut: number;
  /** Rows without an answer within the cutoff. */
  readonly dropped: number;
  /** Items of task.validation, which choose lambda. */
  readonly validation: number;
  /** Of these, those whose prompt is among the rows to learn. */
  readonly alsoLearned: number;
  readonly steps: number;
  /** What the schedule spans. */
  readonly scheduled: number;
}

export function plannedRows({ tune }: ExperimentSettings, checked: Checked): PlannedRows[] {
  if (!tune) return [];
  return tune.seeds.flatMap((number): PlannedRows[] => {
    const seed = String(number);
    const plan = checked.tunings.get(seed);
    if (!plan) return [];
    const validation = itemsOfSeed(checked.tasks.validation, checked.splits, seed);
    return [
      {
        seed,
        data: ofSeed(tune.data, seed),
        ...{ learned: plan.rows, heldOut: plan.heldOut, dropped: plan.dropped },
        validation: validation.reduce((sum, { items }) => sum + items.length, 0),
        alsoLearned: checked.alsoLearned.get(seed) ?? 0,
        ...{ steps: plan.steps, scheduled: plan.scheduled },
      },
    ];
  });
}

/** What of data.json says how the rows were divided. */
interface Divided {
  readonly heldOut: boolean;
  readonly rows: number;
}

/** Of a file that `retemper data` made. */
async function dividedBy(data: string): Promise<Divided | undefined> {
  if (data.startsWith("hf://")) return undefined;
  try {
    const text = await readTextAtMost(join(dirname(data), "data.json"), { most: 2 ** 22, what: "a data set's record" });
    const { heldOut, files } = JSON.parse(text) as { heldOut?: unknown; files?: Record<string, { rows?: unknown }> };
    const rows = files?.["validation.jsonl"]?.rows;
    return typeof heldOut === "boolean" && typeof rows === "number" ? { heldOut, rows } : undefined;
  } catch {
    return undefined; // rows of another kind
  }
}

/** Where each row is, in sentences; tunings with the same numbers share one. */
export async function rowsText(
  rows: readonly PlannedRows[],
  { tune, preset, task }: ExperimentSettings,
): Promise<string[]> {
  const [first] = rows;
  if (!tune || !first) return [];
  const groups = new Map<string, PlannedRows[]>();
  for (const one of rows) {
    const { seed: _, data: __, ...numbers } = one;
    const key = JSON.stringify(numbers);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const texts = [...groups.values()].map((same) => {
    const { learned, heldOut, dropped, validation, alsoLearned, steps, scheduled } = same[0] as PlannedRows;
    const seeds = same.map(({ seed }) => seed).join(", ");
    const share = validation === 0 ? "" : ` (${percent(validation / (learned + heldOut + dropped + validation))})`;
    return [
      `Tuning of seed ${seeds}: ${count(learned)} rows are learned`,
      heldOut > 0 ? `, ${count(heldOut)} are held out by the tuning and choose nothing` : "",
      dropped > 0 ? `, ${count(dropped)} have no answer within the cutoff` : "",
      `; ${count(validation)} rows choose lambda${share}, `,
      alsoLearned === 0
        ? "no prompt of which is learned"
        : `${count(alsoLearned)} of which are among the rows to learn`,
      `. It ends after step ${count(steps)}${steps < scheduled ? ` of the ${count(scheduled)} that the schedule spans` : ""}.`,
    ].join("");
  });
  const divided = await dividedBy(first.data);
  if (divided) {
    const how = divided.heldOut
      ? `retemper data took ${count(divided.rows)} rows out of those to learn`
      : `retemper data drew ${count(divided.rows)} rows beside those to learn`;
    texts.push(
      `${how}, to choose lambda by: ${
        first.heldOut > 0
          ? `the tuning holds out ${count(first.heldOut)} more (tune.options.validation), so rows are held out twice`
          : "with tune.options.validation 0 the tuning holds out no more of them, so rows are held out once"
      }.`,
    );
  } else if (first.heldOut === 0) {
    const held = rows.every(({ alsoLearned }) => alsoLearned === 0) ? "are rows that" : "should be rows that";
    texts.push(`With tune.options.validation 0 the tuning holds nothing out: task.validation ${held} are not learned.`);
  }
  if (preset === "paper" && rows.length > 1) {
    const perSeed = isPerSeed(tune.data) && task.validation.some(isPerSeed);
    texts.push(
      perSeed
        ? "Each tuning has a split of its own, as the paper's authors have it."
        : "All tunings have the same split; the paper's authors split anew for each: retemper data --seeds, and {seed} in the names of the files.",
    );
  }
  return texts;
}
