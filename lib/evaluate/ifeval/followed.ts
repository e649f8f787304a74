// Which of an item's instructions an answer follows: strictly, and loosely (without a first or last line and without asterisks,
// which a model may have added around its answer).

import { type TimedWork, withTimeLimit } from "../../tokenizer/text/timeLimit.js";
import { isBlank, strip } from "../metrics/pythonText.js";
import type { Check } from "./instructions.js";

/** One value an instruction. */
export interface Followed {
  readonly strict: readonly boolean[];
  readonly loose: readonly boolean[];
}

const CHECKS: TimedWork = {
  what: "a check of instructions",
  hint: "keywords of the data are patterns, and one goes back and forth without end: get the data from a source that you trust",
};

/** @throws RetemperError BAD_INPUT for keywords that are patterns which take too long */
export function followed(checks: readonly Check[], answer: string): Followed {
  return withTimeLimit(answer.length, CHECKS, () => followedBy(checks, answer));
}

function followedBy(checks: readonly Check[], answer: string): Followed {
  const forms = looseForms(answer).filter((form) => !isBlank(form));
  const there = !isBlank(answer);
  return {
    strict: checks.map((check) => there && check(answer)),
    loose: checks.map((check) => forms.some((form) => check(form))),
  };
}

/** The answer itself, and what is left of it. */
function looseForms(answer: string): string[] {
  const lines = answer.split("\n");
  const parts = [lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((some) => strip(some.join("\n")));
  const forms = [answer, ...parts];
  return [...forms, ...forms.map((form) => form.replaceAll("*", ""))];
}
