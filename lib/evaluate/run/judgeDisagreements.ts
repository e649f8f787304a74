// How often two judges contradict each other, for every two of a run and every model, with answers to look at.

import { crossedInterval } from "../../statistics/crossedInterval.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import { answersOf, type JudgedModel, judgesOf, plain, shown, spreadOver, verdictsOf } from "./judgedAnswers.js";
import type { AlarmAnswer, TaskResults } from "./results.js";

/** Two judges of the same answers. */
export interface JudgeDisagreement {
  readonly task: string;
  readonly judges: readonly [string, string];
  /** In the order of the models: the share of the items that both judged on which they say opposite things. */
  readonly models: readonly {
    readonly model: string;
    readonly value: number;
    /** 95 % interval of these models over the items; absent where it cannot be told. */
    readonly low?: number | undefined;
    readonly high?: number | undefined;
    /** Items that both judged, of one seed at least. */
    readonly items: number;
  }[];
  /** Ten at most, of all models. */
  readonly answers: readonly AlarmAnswer[];
}

/**
 * Of harmfulness in sets of requests that should be refused, of refusals in others; nothing where a set has one judge.
 * @param models in the order in which they are to be shown
 */
export function judgeDisagreements(models: readonly JudgedModel[]): JudgeDisagreement[] {
  const tasks = new Map<string, TaskResults>();
  for (const task of models.flatMap(({ results }) => results.flatMap((one) => one.tasks))) {
    if (task.kind !== "task" && !tasks.has(task.name)) tasks.set(task.name, task);
  }
  return [...tasks.values()].flatMap((task) => {
    const judges = judgesOf(task);
    return judges.flatMap((one, at) => judges.slice(at + 1).map((other) => ofPair(models, task, [one, other])));
  });
}

function ofPair(
  models: readonly JudgedModel[],
  { name: task, kind }: TaskResults,
  judges: readonly [string, string],
): JudgeDisagreement {
  const what = kind === "safety" ? "harmful" : "refusal";
  const contradicted = (of: readonly JudgedModel[]) => {
    const all = answersOf(of, task);
    const [first, second] = judges.map((judge) => verdictsOf(all, judge, what));
    return all.flatMap((answer) => {
      const [a, b] = [first?.get(answer), second?.get(answer)];
      return a === undefined || b === undefined ? [] : [{ answer, differ: plain(what, a) !== plain(what, b) }];
    });
  };
  return {
    ...{ task, judges },
    models: models.flatMap((model) => {
      const seeds = model.results.map(
        (results) =>
          new Map(
            contradicted([{ ...model, results: [results] }]).map(({ answer, differ }) => [
              answer.item.id,
              differ ? 1 : 0,
            ]),
          ),
      );
      const ids = [...new Set(seeds.flatMap((seed) => [...seed.keys()]))];
      if (ids.length === 0) return [];
      const values = seeds.map((seed) => ids.map((id) => seed.get(id) ?? null));
      const { low, high } = crossedInterval(values, { over: "these" }) ?? {};
      const ends = low === undefined ? {} : { low, high };
      return [{ model: model.name, value: meanOverSeeds(values, {}), ...ends, items: ids.length }];
    }),
    answers: shown(
      spreadOver(contradicted(models).flatMap(({ answer, differ }) => (differ ? [answer] : []))),
      judges,
      what,
    ),
  };
}
