// A study's report as Markdown: its tables, no figures.

import { escaped, row } from "../markdownText.js";
import { studyTables } from "./studyTables.js";
import type { StudyView } from "./types.js";

export function studyMarkdown(view: StudyView): string {
  const lines = [`# ${escaped(view.name)}`];
  for (const { caption, head, rows, note, reasons = [] } of studyTables(view)) {
    lines.push("", `## ${escaped(caption)}`, "", row(head), row(head.map(() => "---")), ...rows.map(row));
    if (note !== undefined) lines.push("", escaped(note));
    if (reasons.length > 0) lines.push("", ...reasons.map((reason) => `- ${escaped(reason)}`));
  }
  if (view.notes.length > 0) lines.push("", "## Notes", "", ...view.notes.map((note) => `- ${escaped(note)}`));
  return `${lines.join("\n")}\n`;
}
