// Texts by code points, as Python counts them. Nearly all texts have none that takes two units of JavaScript's texts, and for
// those nothing is copied.

import type { Run } from "../values/value.js";

const PAIR = /[\ud800-\udfff]/;

/** True where one unit is one code point. */
export function isPlain(text: string): boolean {
  return !PAIR.test(text);
}

export function lengthOf(text: string): number {
  if (isPlain(text)) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Counts a text whose code points are looked at one by one. */
export function spendOnPoints(run: Run, text: string): void {
  run.budget.spendOn(isPlain(text) ? text.length : text.length * 8);
}

/** A part of a text, by code points. */
export function sliceOf(text: string, start: number, end?: number): string {
  return isPlain(text) ? text.slice(start, end) : Array.from(text).slice(start, end).join("");
}

/** The number of code points before a unit. */
export function pointIndex(text: string, unit: number): number {
  return unit <= 0 || isPlain(text) ? unit : lengthOf(text.slice(0, unit));
}

/** Less than 0, 0, or more than 0: texts by their code points. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  if (isPlain(a) && isPlain(b)) return a < b ? -1 : 1;
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let index = 0; index < left.length && index < right.length; index += 1) {
    const difference = ((left[index] as string).codePointAt(0) ?? 0) - ((right[index] as string).codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
