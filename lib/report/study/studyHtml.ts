// A study's report as one HTML file, in the style of an experiment's: nothing is loaded, no script runs, every text from outside is
// escaped.

import { Eta } from "eta";
import type { Figure } from "../figures/figure.js";
import { keyOf } from "../figures/key.js";
import { escapeHtml } from "../page/escape.js";
import { FIGURES, KEY } from "../page/figureTemplate.js";
import { headOf } from "../page/headTemplate.js";
import { STYLE } from "../page/style.js";
import { cellHtml, TABLE } from "../page/tableTemplate.js";
import type { ReportTable } from "../tables/reportTable.js";
import { studyFigures } from "./studyFigures.js";
import { studyTables } from "./studyTables.js";
import type { StudyView } from "./types.js";

const PAGE = `${headOf("<%= it.view.name %>: study")}<header><h1><%= it.view.name %></h1></header>
<nav aria-label="Sections"><% it.sections.forEach(({ id, title }) => { %><a href="#<%= id %>"><%= title %></a> <% }) %></nav>
<main id="content">
<% it.sections.forEach((section) => { %><section aria-labelledby="<%= section.id %>"><h2 id="<%= section.id %>"><%= section.title %></h2>
<%~ it.figures(section.figures) %><% section.tables.forEach((table) => { %><%~ it.table(table) %>
<% }) %><% section.folded.forEach((table) => { %><details><summary><%= table.caption %></summary><%~ it.table(table) %></details>
<% }) %><% if (section.notes.length > 0) { %><ul><% section.notes.forEach((note) => { %><li><%= note %></li><% }) %></ul><% } %></section>
<% }) %></main>
</body>
</html>
`;

export function studyHtml(view: StudyView): string {
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  const tables = studyTables(view);
  const named = (kind: string) => tables.filter(({ id }) => id === kind || id.startsWith(`${kind}-`));
  const none = { figures: [], tables: [], folded: [], notes: [] };
  const sections = [
    { ...none, id: "result", title: "Tasks", tables: named("tasks") },
    { ...none, id: "models", title: "Families of models", tables: [...named("families"), ...named("controls")] },
    ...studyFigures(view).map((group) => ({ ...none, ...group })),
    { ...none, id: "method", title: "Methods", tables: named("methods"), folded: named("curves") },
    { ...none, id: "ship", title: "What ships", tables: named("forms") },
    { ...none, id: "origin", title: "Models and data", tables: named("provenance") },
    { ...none, id: "notes", title: "Notes", notes: view.notes },
  ].filter(
    ({ figures, tables: shown, folded, notes }) => figures.length + shown.length + folded.length + notes.length > 0,
  );
  const table = (one: ReportTable) => eta.renderString(TABLE, { ...one, cell: cellHtml });
  const [first] = view.cells;
  const key = first ? keyOf({ validation: first.validation, selection: { overall: first.selection.overall } }) : [];
  const figures = (all: readonly Figure[]) =>
    all.length === 0 ? "" : eta.renderString(KEY, { key }) + eta.renderString(FIGURES, { figures: all });
  return eta.renderString(PAGE, { view, sections, style: STYLE, table, figures });
}
