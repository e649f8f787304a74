// Whether an answer is the reference.

import { strip } from "./pythonText.js";

export interface ExactMatchOptions {
  /** Case does not matter; off by default. */
  readonly ignoreCase?: boolean | undefined;
  /** ASCII punctuation does not matter; off by default. */
  readonly ignorePunctuation?: boolean | undefined;
}

/** True where the answer, without spaces around it, is one of the references. */
export function exactMatch(answer: string, references: string | readonly string[], options: ExactMatchOptions = {}) {
  const plain = (text: string) => {
    const cased = options.ignoreCase ? text.toLowerCase() : text;
    return strip(options.ignorePunctuation ? cased.replace(/[!-/:-@[-`{-~]/g, "") : cased);
  };
  const given = plain(answer);
  return (typeof references === "string" ? [references] : references).some((reference) => plain(reference) === given);
}
