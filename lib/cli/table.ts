// Plain tables for stdout: columns that align, no frames, so that grep and awk can read them too. A model may have hundreds
// of thousands of tensors, with names and shapes of any length.

import stringWidth from "string-width";
import { safeLine } from "./terminalText.js";

/** What is left of a longer cell: a single one must not widen all rows. */
const LONGEST_CELL = 400;
const GAP = "  ";

/**
 * One line a row under the column heads; the columns named in `right` hold numbers and align right. What a terminal would act
 * on is shown and does nothing.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const cells = [head, ...rows].map((row) => row.map(shown));
  const widths = head.map(() => 0);
  const lengths = cells.map((row) => row.map(widthOf));
  for (const row of lengths) for (const [at, width] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, width);
  const lines = cells.map((row, line) =>
    row
      .map((text, at) => {
        const space = " ".repeat((widths[at] as number) - (lengths[line]?.[at] as number));
        return right.includes(at) ? space + text : text + space;
      })
      .join(GAP)
      .trimEnd(),
  );
  return lines.join("\n");
}

function shown(text: string): string {
  if (text.length <= LONGEST_CELL) return safeLine(text);
  const left = safeLine(text.slice(0, LONGEST_CELL - 40));
  return `${left} ... (${text.length} characters)`;
}

/** Columns on a terminal: ideographs and emoji take two. */
function widthOf(text: string): number {
  return /^[ -~]*$/.test(text) ? text.length : stringWidth(text);
}
