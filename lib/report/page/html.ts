// The report as one HTML file: nothing is loaded from anywhere, no script runs, and every text from outside is escaped.

import { Eta } from "eta";
import { contentsOf } from "../contents.js";
import { keyOf } from "../figures/key.js";
import { summaryOf } from "../summary/summaryOf.js";
import type { ReportTable } from "../tables/reportTable.js";
import type { ExperimentCosts, ExperimentResults } from "../types.js";
import { escapeHtml } from "./escape.js";
import { FIGURES, KEY } from "./figureTemplate.js";
import { headOf } from "./headTemplate.js";
import { SECTION } from "./sectionTemplate.js";
import { STYLE } from "./style.js";
import { MARKS, SUMMARY } from "./summaryTemplate.js";
import { cellHtml, TABLE, together } from "./tableTemplate.js";

const PAGE = `${headOf("<%= it.summary.title %>: <%= it.results.name %>")}<header><h1><%= it.results.name %></h1>
<nav aria-label="Sections"><% it.sections.forEach(({ id, title }) => { %><a href="#<%= id %>"><%= title %></a> <% }) %></nav></header>
<main id="content">
<div class="first"><%~ it.screen %>
<% it.sections.filter(({ first }) => first).forEach((section) => { %><%~ it.section(section) %>
<% }) %></div>
<% it.sections.filter(({ first }) => !first).forEach((section) => { %><%~ it.section(section) %>
<% }) %></main>
<footer><p>Made by Retemper <%= it.results.provenance.version %> from results.json alone; settings <code><%= it.results.provenance.experiment.slice(0, 12) %></code>. This page loads nothing.</p></footer>
</body>
</html>
`;

export function htmlReport(results: ExperimentResults, costs: ExperimentCosts): string {
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  const sections = contentsOf(results, costs);
  const summary = summaryOf(results);
  const table = (one: ReportTable) => eta.renderString(TABLE, { ...one, cell: cellHtml });
  const keys = { whole: keyOf(results), plain: keyOf(results, false), none: [] };
  return eta.renderString(PAGE, {
    ...{ results, summary, sections, style: STYLE },
    screen: eta.renderString(SUMMARY, {
      ...summary,
      icon: MARKS[summary.mark],
      text: (one: string) => together(escapeHtml(one)),
    }),
    section: (section: (typeof sections)[number]) =>
      eta.renderString(SECTION, {
        ...section,
        ...{ table, saidOf, key: section.key === "none" ? "" : eta.renderString(KEY, { key: keys[section.key] }) },
        figures: section.figures.length > 0 ? eta.renderString(FIGURES, { figures: section.figures }) : "",
      }),
  });
}

/** "not refused by keyword, refused by wildguard" */
function saidOf(verdicts: Readonly<Record<string, string>>): string {
  return Object.entries(verdicts)
    .map(([judge, word]) => `${word} by ${judge}`)
    .join(", ");
}
