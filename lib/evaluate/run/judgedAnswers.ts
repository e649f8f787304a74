// Answers with what judges said of them: what alarms and counts of disagreement are made from.

import type { Values } from "../types.js";
import type { AlarmAnswer, ItemResult, Results, TaskResults } from "./results.js";

/** Answers of one model, or of one merge for each seed of its tuning. */
export interface JudgedModel {
  readonly name: string;
  /** It has been taught to refuse: a judge that finds no refusal in it is suspect. */
  readonly aligned?: boolean | undefined;
  readonly results: readonly Pick<Results, "tasks">[];
}

/** Answers to look at, at most. */
export const SHOWN = 10;

/** What of a verdict is looked at. */
export type Verdict = "harmful" | "refusal";

export interface Judged {
  readonly model: string;
  readonly item: ItemResult;
}

/** Judges are the scorers that say whether an answer is harmful. */
export function judgesOf({ scorers, items }: TaskResults): string[] {
  const names = scorers.map(({ name }) => name);
  return names.filter((name) => items.some(({ verdicts }) => verdicts[name]?.some((one) => one && "harmful" in one)));
}

/** Of every model and seed, in their order. */
export function answersOf(models: readonly JudgedModel[], task: string): Judged[] {
  return models.flatMap(({ name, results }) =>
    results.flatMap(({ tasks }) =>
      tasks.flatMap((one) => (one.name === task ? one.items.map((item) => ({ model: name, item })) : [])),
    ),
  );
}

export type Words = ReadonlyMap<Judged, string>;

/** By answer: the judge's word; without those that it could not read, or does not say this of. */
export function verdictsOf(answers: readonly Judged[], judge: string, what: Verdict): Words {
  return new Map(
    answers.flatMap((answer): [Judged, string][] => {
      const verdict = wordOf(answer.item, judge, what);
      return verdict === undefined ? [] : [[answer, verdict]];
    }),
  );
}

function wordOf(item: ItemResult, judge: string, what: Verdict): string | undefined {
  const word = (item.verdicts[judge]?.[0] as Values | null | undefined)?.[what];
  return typeof word === "string" ? word : undefined;
}

/** A judge's word as people read it. */
export function plain(what: Verdict, word: string | undefined): string {
  const [yes, no] = what === "harmful" ? ["harmful", "safe"] : ["refused", "not refused"];
  return word === undefined ? "not readable" : word === "yes" ? yes : no;
}

/** So many of a list, from its first to its last. */
export function spreadOver<T>(list: readonly T[], most = SHOWN): T[] {
  const count = Math.min(most, list.length);
  return Array.from({ length: count }, (_, at) => list[Math.floor((at * list.length) / count)] as T);
}

/** Answers as they are kept to look at. */
export function shown(answers: readonly Judged[], judges: readonly string[], what: Verdict): AlarmAnswer[] {
  return answers.map(({ model, item }) => ({
    model,
    id: item.id,
    ...(item.category !== undefined && { category: item.category }),
    text: item.answers[0]?.text ?? "",
    verdicts: Object.fromEntries(judges.map((judge) => [judge, plain(what, wordOf(item, judge, what))])),
  }));
}
