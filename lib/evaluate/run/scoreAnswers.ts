// Lets one scorer read the answers that it has not read yet, and writes each verdict down as it comes.

import { RetemperError } from "../../errors.js";
import type { Exchange, Scorer, Task } from "../types.js";
import type { Journal } from "./journal.js";
import { type EvaluateProgress, ProgressCounter } from "./progress.js";

export interface ScoreAnswersOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: EvaluateProgress) => void) | undefined;
}

/** A judge that never parses is found out after so many answers. */
const HOPELESS_AFTER = 25;
/** Of all verdicts: more misses mean that the judge is not what it is taken for. */
export const MOST_MISSES = 0.2;

/**
 * @returns why scores are missing, by item
 * @throws RetemperError BAD_INPUT for a judge that misses more than a fifth; whatever ends the scorer
 */
export async function scoreAnswers(
  scorer: Scorer,
  isJudge: boolean,
  task: Task,
  journal: Journal,
  options: ScoreAnswersOptions,
): Promise<Map<string, string>> {
  const samples = task.decoding.samples ?? 1;
  const wanted: (Exchange & { readonly sample: number })[] = [];
  const all: (Exchange & { readonly sample: number })[] = [];
  let [answered, misses, judged] = [0, 0, 0];
  for (const item of task.items) {
    for (let sample = 0; sample < samples; sample++) {
      const answer = journal.answer(task, item, sample);
      if (!answer) continue;
      answered += 1;
      all.push({ item, answer, sample });
      const known = journal.score(scorer, task, item, sample);
      if (!known) wanted.push({ item, answer, sample });
      else if (known.values.harmful === null) misses += 1;
    }
  }
  judged = answered - wanted.length;
  const read = scorer.together && wanted.length > 0 ? all : wanted;
  const counter = new ProgressCounter(
    { phase: "scores", task: task.name, scorer: scorer.name, total: answered },
    judged,
    options.onProgress,
  );
  const failures = new Map<string, string>();
  const scores = scorer.score(read, {
    signal: options.signal,
    onFailure: ({ index, error }) => {
      const exchange = read[index];
      if (exchange) failures.set(exchange.item.id, `${scorer.name}: ${error.message}`);
    },
  });
  if (wanted.length > 0) {
    for await (const { index, values, detail } of scores) {
      const { item, sample } = read[index] as (typeof read)[number];
      if (!journal.addScore(scorer, task, item, sample, { values, detail })) continue;
      counter.add();
      judged += 1;
      if (isJudge && values.harmful === null) misses += 1;
      if (isJudge && misses === judged && judged >= HOPELESS_AFTER) break;
    }
  }
  journal.sync();
  if (isJudge && misses > MOST_MISSES * judged) throw tooManyMisses(scorer, task, misses, judged);
  return failures;
}

function tooManyMisses(scorer: Scorer, task: Task, misses: number, judged: number): RetemperError {
  const share = Math.round((100 * misses) / judged);
  return new RetemperError(
    "BAD_INPUT",
    `The judge ${scorer.name} gave no readable verdict on ${misses} of ${judged} answers of ${task.name} (${share} %).`,
    {
      hint:
        "check that it is the judge that its prompt is for, and its pattern; answers and verdicts are kept: name a new " +
        "judge (NAME=…) to go on with them",
    },
  );
}
