// One task of one model: its scorers read what they have not read, and its numbers are put together.

import { promptDigest } from "../tasks/context.js";
import { isEmpty, judgeMetrics } from "../tasks/judgeMetrics.js";
import type { Answer, Judge, ScoredItem, Task } from "../types.js";
import { isTruncated } from "./answerEndings.js";
import type { EvaluateOptions } from "./evaluateOptions.js";
import { itemWeights } from "./itemWeights.js";
import type { Journal, StoredScore } from "./journal.js";
import type { ItemResult, ScoreResult, TaskResults } from "./results.js";
import { scoreAnswers } from "./scoreAnswers.js";
import { agreements, summarise } from "./summarise.js";

/**
 * @param failures why answers are missing, by item; reasons of missing verdicts are added
 * @throws RetemperError BAD_INPUT for a judge that misses more than a fifth; whatever ends a scorer
 */
export async function scoreTask(
  task: Task,
  judges: readonly Judge[],
  journal: Journal,
  failures: Map<string, string>,
  options: EvaluateOptions,
): Promise<TaskResults> {
  const judged = task.kind === "task" ? [] : judges;
  const scorers = [...task.scorers, ...judged];
  for (const scorer of scorers) {
    const isJudge = (judged as readonly unknown[]).includes(scorer);
    journal.declare(`${isJudge ? "judge" : "metric"} ${scorer.name} of ${task.name}`, scorer.facts);
    const failed = await scoreAnswers(scorer, isJudge, task, journal, options);
    for (const [item, reason] of failed) failures.set(item, reason);
  }
  const samples = task.decoding.samples ?? 1;
  const places = Array.from({ length: samples }, (_, at) => at);
  const answersOf = (id: string) => places.map((at) => journal.answer(task.name, id, at) ?? null);
  const scoresOf = (id: string, scorer: string) => places.map((at) => journal.score(scorer, task.name, id, at) ?? null);
  const records = task.items.map(
    (item): ScoredItem => ({
      item,
      answers: answersOf(item.id).filter((answer): answer is Answer => answer !== null),
      values: Object.fromEntries(
        scorers.map(({ name }) => [name, scoresOf(item.id, name).map((score) => score?.values ?? null)]),
      ),
    }),
  );
  const metrics = [...task.metrics, ...judgeMetrics(task.kind, judged, options.emptyIs)];
  const summary = summarise(task, metrics, records, options.seed ?? 0);
  const weights = itemWeights(task);
  const items = task.items.map(
    (item, at): ItemResult => ({
      id: item.id,
      category: item.category,
      ...weights?.[at],
      prompt: promptDigest(item.prompt),
      ...(task.ask === "generate" && endingOf(answersOf(item.id)[0])),
      answers: answersOf(item.id),
      verdicts: Object.fromEntries(scorers.map(({ name }) => [name, scoresOf(item.id, name).map(asResult)])),
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
