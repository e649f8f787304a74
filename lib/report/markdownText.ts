// Text and rows of tables as Markdown; by itself, so that cards need none of what draws.

/** A row of a table. */
export function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => (cell === "---" ? cell : escaped(cell))).join(" | ")} |`;
}

/** What Markdown or HTML would read as something else than text. */
export function escaped(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .join(" ")
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, " ")
    .replace(/&/g, "&amp;")
    .replace(/[\\`*_[\]<>|#]/g, (character) => (character === "<" ? "&lt;" : `\\${character}`));
}
