// Splitting a text by a pattern, with the five treatments of what matched that tokenizer.json knows.

export type SplitBehavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

/**
 * The pieces of a text, none of them empty.
 * @param pattern With the flag g, and u or v.
 * @param invert Swaps what matched with what lies between.
 */
export function splitText(text: string, pattern: RegExp, behavior: SplitBehavior, invert = false): string[] {
  const pieces: string[] = [];
  /** Where the piece starts that is not yet complete, and whether the range before was a match. */
  let open = 0;
  let before: boolean | undefined;
  const close = (at: number): void => {
    if (at > open) pieces.push(text.slice(open, at));
    open = at;
  };
  const range = (start: number, end: number, matched: boolean): void => {
    switch (behavior) {
      case "Isolated":
        close(start);
        break;
      case "Removed":
        close(start);
        if (matched) open = end;
        break;
      case "Contiguous":
        if (matched !== before) close(start);
        break;
      case "MergedWithPrevious":
        // A match joins the range before it unless that was a match too.
        if (!matched || before === true) close(start);
        break;
      case "MergedWithNext":
        // A range joins the match before it unless it is a match itself.
        if (matched || before !== true) close(start);
        break;
    }
    before = matched;
  };
  let at = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const start = match.index;
    const end = start + match[0].length;
    if (start > at) range(at, start, invert);
    range(start, end, !invert);
    at = end;
    if (end === start) pattern.lastIndex = end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
  }
  if (at < text.length) range(at, text.length, invert);
  close(text.length);
  return pieces;
}
