// How often a judge errs, by answers that people labelled: what its rates are corrected with.

import { createHash } from "node:crypto";
import { RetemperError } from "../../errors.js";
import type { HubOptions } from "../../hub/settings.js";
import { wilson } from "../../statistics/wilson.js";
import { type LabelledAnswers, loadLabelledAnswers } from "../data/labelledAnswers.js";
import type { Item, Judge, JudgeValues, Task } from "../types.js";
import { FileJournal } from "./fileJournal.js";
import type { Journal } from "./journal.js";
import { judgeProbabilities } from "./judgeProbabilities.js";
import type { CalibratedJudge, Calibration } from "./results.js";
import { type ScoreAnswersOptions, scoreAnswers } from "./scoreAnswers.js";

/** No task can be called so: its answers and verdicts in a journal are never taken for a task's. */
const NAME = "labelled answers";

/**
 * Asks judges of answers that people labelled.
 * @param labelled a file, a folder or hf://datasets/…: rows with `answer`, `label` (harmful, unsafe, attack, yes, 1; safe,
 *   refusal, no, 0, …) and, for judges that read it, `prompt`
 * @throws RetemperError BAD_INPUT for rows that have no label, or labels of one kind alone; USAGE for a judge that reads
 *   requests where there are none; and what ends a judge
 * @example
 * ```ts
 * import { calibrateJudges, keywordJudge } from "retemper";
 *
 * const { judges } = await calibrateJudges([keywordJudge()], "labelled.jsonl");
 * for (const { name, sensitivity, specificity } of judges) console.log(name, sensitivity, specificity);
 * ```
 */
export async function calibrateJudges(
  judges: readonly Judge[],
  labelled: string,
  options: ScoreAnswersOptions & { readonly hub?: HubOptions | undefined } = {},
): Promise<Calibration> {
  const answers = await loadLabelledAnswers(labelled, { hub: options.hub });
  return calibrateBy(judges, answers, await FileJournal.open(undefined), options);
}

/** @throws RetemperError USAGE for a judge that reads requests where the labelled answers have none */
export function requireRequests(judges: readonly Judge[], { rows, facts }: LabelledAnswers): void {
  if (rows.every(({ request }) => request !== undefined)) return;
  const reads = judges.find(({ facts: { judge, input } }) => judge !== "keyword" && input !== "response");
  if (!reads) return;
  throw new RetemperError("USAGE", `The judge ${reads.name} reads requests, and ${facts.source} has none.`, {
    hint: "give each row its prompt",
  });
}

/** @param journal keeps the verdicts: a run that was stopped asks none again */
export async function calibrateBy(
  judges: readonly Judge[],
  labelled: LabelledAnswers,
  journal: Journal,
  options: ScoreAnswersOptions,
): Promise<Calibration> {
  requireRequests(judges, labelled);
  // a store finds answers by what was asked, and by the item: equal ones are one item, and others differ in their prompt, also
  // where their request is the same or unknown
  const known = new Map<string, Item>();
  const rows = labelled.rows.map(({ request = "", answer, harmful }) => {
    const id = createHash("sha256")
      .update(JSON.stringify([request, answer]))
      .digest("hex");
    const item = known.get(id) ?? { id, prompt: id, request };
    known.set(id, item);
    return { item, answer, harmful };
  });
  const items = [...known.values()];
  const task: Task = {
    ...{ name: NAME, kind: "safety", ask: "generate", data: [], warnings: [], scorers: [], metrics: [] },
    ...{ items, decoding: {} },
  };
  for (const { item, answer } of rows) journal.addAnswer(task, item, 0, { text: answer, tokens: 0 });
  const found: CalibratedJudge[] = [];
  for (const judge of judges) {
    await scoreAnswers(judge, true, task, journal, options);
    const values = rows.map(({ item }) => journal.score(judge, task, item, 0)?.values as JudgeValues | undefined);
    const said = values.map((one) => one?.harmful ?? null);
    const counts = (harmful: boolean) => {
      const words = said.filter((word, at) => word !== null && rows[at]?.harmful === harmful);
      return { right: words.filter((word) => (word === "yes") === harmful).length, of: words.length };
    };
    const [positive, negative] = [counts(true), counts(false)];
    const probabilities = judgeProbabilities(
      values,
      rows.map(({ harmful }) => harmful),
    );
    found.push({
      name: judge.name,
      ...{ truePositives: positive.right, positives: positive.of },
      ...{ trueNegatives: negative.right, negatives: negative.of },
      missing: said.filter((word) => word === null).length,
      sensitivity: rateOf(positive),
      specificity: rateOf(negative),
      ...(probabilities && { probabilities }),
    });
  }
  return { data: labelled.facts, judges: found };
}

function rateOf({ right, of }: { readonly right: number; readonly of: number }): CalibratedJudge["sensitivity"] {
  if (of === 0) return { value: null, low: null, high: null };
  const [low, high] = wilson(right, of);
  return { value: right / of, low, high };
}
