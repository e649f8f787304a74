// The text of results.json: indented, with each list of numbers on one line, so that the values of all items stay short.

const LIST = /\[\n\s*(?:-?\d[\d.eE+-]*|null)(?:,\n\s*(?:-?\d[\d.eE+-]*|null))*\n\s*\]/g;

/** JSON; no text in it can look like such a list, since a line's end within a text is written as \n. */
export function resultsText(results: unknown): string {
  return `${JSON.stringify(results, null, 1).replace(LIST, (list) => list.replace(/\s+/g, ""))}\n`;
}
