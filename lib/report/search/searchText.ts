// A search's results for people: search.md.

import { tableLines } from "../markdownTable.js";
import { escaped } from "../markdownText.js";
import { conclusion, ruleText, searchNotes, searchTables } from "./searchTables.js";
import type { SearchResults } from "./types.js";

export function searchText(results: SearchResults): string {
  return [
    ...[
      `# Search: ${escaped(results.name)}`,
      "",
      `**${escaped(conclusion(results))}**`,
      "",
      escaped(ruleText(results)),
      "",
    ],
    ...searchNotes(results).map((note) => `- ${escaped(note)}`),
    ...searchTables(results).flatMap((table) => tableLines(table, 2)),
    "",
  ].join("\n");
}
