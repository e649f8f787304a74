// Text operations as Python has them, where a metric's numbers depend on them.

// What str.strip() takes: Unicode's White_Space and the four separators U+001C to U+001F; JavaScript's trim() also takes
// U+FEFF and leaves U+001C to U+001F and U+0085.
const SPACE = "[\\u0009-\\u000d\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${SPACE}+`);
const SPACES = new RegExp(`^${SPACE}$`);

/** str.strip() */
export function strip(text: string): string {
  const start = text.replace(LEADING, "");
  let end = start.length; // from the end by hand: a regular expression for it is quadratic in inner spaces
  while (end > 0 && SPACES.test(start[end - 1] as string)) end -= 1;
  return start.slice(0, end);
}

/** str.rstrip() */
export function stripEnd(text: string): string {
  return strip(`.${text}`).slice(1);
}

const SEPARATORS = new RegExp(`${SPACE}+`);
// FS, GS and RS end a line for Python; as texts, since no control character may stand in a pattern that is written out.
const ENDINGS = "\\r\\n|[\\u000a-\\u000d\\u001c-\\u001e\\u0085\\u2028\\u2029]";
const LINES = new RegExp(`${ENDINGS}`);

/** str.split() */
export function splitWords(text: string): string[] {
  return text.split(SEPARATORS).filter((word) => word !== "");
}

/** str.splitlines() */
export function splitLines(text: string): string[] {
  const lines = text.split(LINES);
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}
