// The numbers of one task of one model, put together from what its journal holds.

import { promptDigest } from "../tasks/context.js";
import { type EmptyIs, isEmpty, judgeMetrics } from "../tasks/judgeMetrics.js";
import type { Answer, Item, Judge, ScoredItem, Scorer, Task } from "../types.js";
import { isTruncated } from "./answerEndings.js";
import { itemWeights } from "./itemWeights.js";
import type { Journal, StoredScore } from "./journal.js";
import type { ItemResult, ScoreResult, TaskResults } from "./results.js";
import { samplesOf } from "./samplesOf.js";
import { scorersOf } from "./scoreTask.js";
import { agreements, summarise } from "./summarise.js";

export interface TaskResultsOptions {
  readonly emptyIs?: EmptyIs | undefined;
  /** Of bootstrap intervals; 0 by default. */
  readonly seed?: number | undefined;
}

/** @param failures why answers or verdicts are missing, by item */
export function taskResults(
  task: Task,
  judges: readonly Judge[],
  journal: Journal,
  failures: ReadonlyMap<string, string>,
  options: TaskResultsOptions,
): TaskResults {
  const judged = task.kind === "task" ? [] : judges;
  const scorers = scorersOf(task, judges).map(({ scorer }) => scorer);
  const places = samplesOf(task);
  const answersOf = (item: Item) => places.map((at) => journal.answer(task, item, at) ?? null);
  const scoresOf = (item: Item, scorer: Scorer) => places.map((at) => journal.score(scorer, task, item, at) ?? null);
  const records = task.items.map(
    (item): ScoredItem => ({
      item,
      answers: answersOf(item).filter((answer): answer is Answer => answer !== null),
      values: Object.fromEntries(
        scorers.map((scorer) => [scorer.name, scoresOf(item, scorer).map((score) => score?.values ?? null)]),
      ),
    }),
  );
  const metrics = [...task.metrics, ...judgeMetrics(task, judged, options.emptyIs)];
  const summary = summarise(task, metrics, records, options.seed ?? 0);
  const weights = itemWeights(task);
  const items = task.items.map(
    (item, at): ItemResult => ({
      id: item.id,
      category: item.category,
      ...weights?.[at],
      prompt: promptDigest(item.prompt),
      ...(item.opener !== undefined && { opener: item.opener }),
      ...(task.ask === "generate" && endingOf(answersOf(item)[0])),
      answers: answersOf(item),
      verdicts: Object.fromEntries(scorers.map((scorer) => [scorer.name, scoresOf(item, scorer).map(asResult)])),
      scores: summary.scores[at] ?? {},
      failure: failures.get(item.id),
    }),
  );
  const answered = items.filter(({ answers }) => !answers.includes(null)).length;
  const untrusted = items.filter(({ verdicts }) =>
    Object.values(verdicts).some((scores) => scores.some((score) => score?.trusted === false)),
  ).length;
  const [truncated, empty] = (["truncated", "empty"] as const).map(
    (how) => items.filter((item) => item[how]).length,
  ) as [number, number];
  return {
    name: task.name,
    kind: task.kind,
    ...(task.selectedBy !== undefined && { selectedBy: task.selectedBy }),
    ...(task.stress !== undefined && { stress: task.stress }),
    ...(judged.length > 0 && options.emptyIs !== undefined && { emptyIs: options.emptyIs }),
    primary: task.primary ?? metrics[0]?.name ?? "",
    metrics: summary.metrics,
    categories: summary.categories,
    agreement: agreements(
      judged.map(({ name }) => name),
      records,
    ),
    data: task.data,
    decoding: task.decoding,
    scorers: scorers.map(({ name, facts, engine }) => ({ name, facts, engine: engine?.() })),
    counts: {
      ...{ items: items.length, answered, failed: items.filter(({ failure }) => failure !== undefined).length },
      ...(untrusted > 0 && { untrusted }),
      ...(truncated > 0 && { truncated }),
      ...(empty > 0 && { empty }),
    },
    items,
  };
}

function endingOf(answer: Answer | null | undefined): Pick<ItemResult, "truncated" | "empty"> {
  if (!answer) return {};
  return { ...(isTruncated(answer) && { truncated: true }), ...(isEmpty(answer) && { empty: true }) };
}

function asResult(score: StoredScore | null): ScoreResult | null {
  if (score === null) return null;
  return { ...score.values, ...(score.detail !== undefined && { detail: score.detail }) } as ScoreResult;
}
