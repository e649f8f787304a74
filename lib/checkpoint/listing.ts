// Lists in error messages: everything that is wrong, but not a million lines of it.

const LIMIT = 200;

/** The items one a line, indented; those beyond the limit are counted. Starts with a line break. */
export function listing(items: readonly string[]): string {
  const lines = items.slice(0, LIMIT).map((item) => `\n  ${item}`);
  if (items.length > LIMIT) lines.push(`\n  … and ${items.length - LIMIT} more`);
  return lines.join("");
}
