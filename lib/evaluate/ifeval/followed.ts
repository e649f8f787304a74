// Which of an item's instructions an answer follows: strictly, and loosely (without a first or last line and without asterisks,
// which a model may have added around its answer).

import { strip } from "../metrics/pythonText.js";
import type { Check } from "./instructions.js";
import { isBlank } from "./python.js";

/** One value an instruction. */
export interface Followed {
  readonly strict: readonly boolean[];
  readonly loose: readonly boolean[];
}

export function followed(checks: readonly Check[], answer: string): Followed {
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
