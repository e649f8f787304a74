// The answer in a chain of thought of BIG-Bench Hard, taken as lm-evaluation-harness takes it.

import { strip } from "./pythonText.js";

/** What stands for an answer that was not given. */
export const NO_ANSWER = "[invalid]";

/**
 * The first match of `(?<=the answer is )(.*)(?=.)`, trimmed: the line's last character, usually a full stop, is dropped
 * whatever it is. `.` is any character but a line feed, as in Python.
 */
export function bbhAnswer(output: string): string {
  const match = /(?<=the answer is )([^\n]*)(?=[^\n])/u.exec(output);
  return match ? strip(match[1] as string) : NO_ANSWER;
}
