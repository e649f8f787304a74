// Text operations as Python has them, where a metric's numbers depend on them: those of templates, by short names.

import * as python from "../../tokenizer/jinja/text/strip.js";

/** str.strip(); JavaScript's trim() also takes U+FEFF, and leaves U+001C to U+001F and U+0085. */
export function strip(text: string): string {
  return python.strip(text, true, true);
}

/** str.strip(characters) */
export function stripOf(text: string, characters: string): string {
  return python.strip(text, true, true, characters);
}

/** str.rstrip() */
export function stripEnd(text: string): string {
  return python.strip(text, false, true);
}

/** str.split() */
export function splitWords(text: string): string[] {
  return python.splitSpace(text, -1);
}

/** str.splitlines() */
export function splitLines(text: string): string[] {
  return python.splitLines(text, false);
}

/** Whether there is nothing but white space. */
export function isBlank(text: string): boolean {
  return strip(text) === "";
}
