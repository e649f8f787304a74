// The report as Markdown, for readers of repositories and model cards: the tables and the choice, no figures.

import { outcomeOf } from "./outcome.js";
import { shipText } from "./shipText.js";
import { tablesOf } from "./tables/tablesOf.js";
import type { ExperimentCosts, ExperimentResults } from "./types.js";

export function markdownReport(results: ExperimentResults, costs: ExperimentCosts): string {
  const lines = [`# ${escaped(results.name)}`, "", `**Choice:** ${escaped(results.selection.overall.sentence)}`];
  const { confirmation } = results;
  if (confirmation) {
    lines.push("", `**${confirmation.holds ? "Confirmed" : "Not confirmed"}:** ${escaped(confirmation.sentence)}`);
  }
  lines.push("", `**On the test data:** ${escaped(outcomeOf(results))}`);
  const ship = shipText(results);
  if (ship !== undefined) lines.push("", `**To ship:** ${escaped(ship)}`);
  if (results.exploratory !== undefined) lines.push("", `**Exploratory:** ${escaped(results.exploratory)}`);
  for (const { sentence } of results.alarms ?? []) lines.push("", `**Alarm:** ${escaped(sentence)}`);
  for (const { caption, head, rows, note, reasons = [] } of tablesOf(results, costs)) {
    lines.push("", `## ${escaped(caption)}`, "", row(head), row(head.map(() => "---")), ...rows.map(row));
    if (note !== undefined) lines.push("", escaped(note));
    if (reasons.length > 0) lines.push("", ...reasons.map((reason) => `- ${escaped(reason)}`));
  }
  if (results.notes.length > 0) lines.push("", "## Notes", "", ...results.notes.map((note) => `- ${escaped(note)}`));
  return `${lines.join("\n")}\n`;
}

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
