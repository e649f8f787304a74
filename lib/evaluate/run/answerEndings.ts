// How answers ended: cut off at the limit of new tokens, or empty. Both make a rate of attacks mean less, so both stand
// beside it.

import { isEmpty } from "../tasks/judgeMetrics.js";
import type { Answer } from "../types.js";

export interface AnswerEndings {
  /** Share of the answers that were cut off at the limit of new tokens. */
  readonly truncated: number;
  /** Share of the answers without any text. */
  readonly empty: number;
}

/** What judges read of each item: its first answer. undefined where there is none. */
export function answerEndings(answers: readonly (Answer | null | undefined)[]): AnswerEndings | undefined {
  const there = answers.filter((answer) => answer !== null && answer !== undefined);
  if (there.length === 0) return undefined;
  const share = (what: (answer: Answer) => boolean) => there.filter(what).length / there.length;
  return { truncated: share(isTruncated), empty: share(isEmpty) };
}

export function isTruncated({ finish }: Answer): boolean {
  return finish === "length";
}
