// The report as Markdown, for readers of repositories and model cards: the tables and the choice, no figures.

import { tablesOf } from "./tables.js";
import type { ExperimentCosts, ExperimentResults } from "./types.js";

export function markdownReport(results: ExperimentResults, costs: ExperimentCosts): string {
  const lines = [`# ${escaped(results.name)}`, "", `**Choice:** ${escaped(results.selection.overall.sentence)}`];
  for (const { caption, head, rows, note } of tablesOf(results, costs)) {
    lines.push("", `## ${escaped(caption)}`, "", row(head), row(head.map(() => "---")), ...rows.map(row));
    if (note !== undefined) lines.push("", escaped(note));
  }
  if (results.notes.length > 0) lines.push("", "## Notes", "", ...results.notes.map((note) => `- ${escaped(note)}`));
  return `${lines.join("\n")}\n`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => (cell === "---" ? cell : escaped(cell))).join(" | ")} |`;
}

/** What Markdown or HTML would read as something else than text. */
function escaped(text: string): string {
  return text
    .replace(/[\\`*_[\]<>|#]/g, (character) => (character === "<" ? "&lt;" : `\\${character}`))
    .replace(/\s*\r?\n\s*/g, " ");
}
