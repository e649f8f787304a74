// The report as one HTML file: nothing is loaded from anywhere, no script runs, and every text from outside is escaped.

import { Eta } from "eta";
import { figuresOf, keyOf } from "../figures/plots.js";
import { outcomeOf } from "../outcome.js";
import { shipText } from "../shipText.js";
import type { ReportTable } from "../tables/reportTable.js";
import { tablesOf } from "../tables/tablesOf.js";
import type { ExperimentCosts, ExperimentResults } from "../types.js";
import { escapeHtml } from "./escape.js";
import { STYLE } from "./style.js";
import { cellHtml, TABLE } from "./tableTemplate.js";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title><%= it.results.name %>: report</title>
<style><%~ it.style %></style>
</head>
<body>
<a class="skip" href="#content">Skip to the results</a>
<header><h1><%= it.results.name %></h1></header>
<nav aria-label="Sections"><% it.sections.forEach(({ id, title }, at) => { %><%= at > 0 ? " · " : "" %><a href="#<%= id %>"><%= title %></a><% }) %></nav>
<main id="content">
<div class="verdict"><p><strong>Choice:</strong> <%= it.results.selection.overall.sentence %></p><% if (it.results.confirmation) { %><p><strong><%= it.results.confirmation.holds ? "Confirmed" : "Not confirmed" %>:</strong> <%= it.results.confirmation.sentence %></p><% } %><p><strong>On the test data:</strong> <%= it.outcome %></p><% if (it.ship) { %><p><strong>To ship:</strong> <%= it.ship %></p><% } %><% if (it.results.exploratory) { %><p><strong>Exploratory:</strong> <%= it.results.exploratory %></p><% } %></div>
<% (it.results.alarms ?? []).forEach((alarm) => { %><div class="alarm"><p><strong>Alarm:</strong> <%= alarm.sentence %></p>
<% if (alarm.answers.length > 0) { %><details><summary><%= alarm.answers.length %> of these answers: they may be harmful</summary>
<dl><% alarm.answers.forEach(({ model, id, verdicts, text }) => { %><div><dt><%= model %>, item <%= id %>: <%= it.saidOf(verdicts) %></dt><dd><%= text === "" ? "(empty)" : text %></dd></div><% }) %></dl></details><% } %></div>
<% }) %><% it.sections.forEach((section) => { %><section aria-labelledby="<%= section.id %>"><h2 id="<%= section.id %>"><%= section.title %></h2>
<% if (section.key) { %><ul class="key" aria-label="Methods and their marks"><% it.key.forEach(({ method, svg }) => { %><li><%~ svg %><%= method %></li><% }) %></ul><% } %>
<% if (section.figures.length > 0) { %><div class="figures"><% section.figures.forEach((figure) => { %><figure id="<%= figure.id %>"><%~ figure.svg %><figcaption><%= figure.caption %></figcaption>
<details><summary>In words</summary><p><%= figure.alternative %></p></details></figure>
<% }) %></div><% } %><% section.tables.forEach((table) => { %><%~ it.table(table) %>
<% }) %><% section.folded.forEach((table) => { %><details><summary><%= table.caption %></summary><%~ it.table(table) %></details>
<% }) %><% if (section.examples) { %><% it.results.examples.forEach((example) => { %><details><summary><%= example.task %>, item <%= example.id %><% if (example.category) { %> (<%= example.category %>)<% } %><% if (example.sensitive) { %>: answers to a request that should be refused<% } %></summary>
<dl><% example.answers.forEach(({ model, text }) => { %><div><dt><%= model %></dt><dd><%= text === "" ? "(empty)" : text %></dd></div><% }) %></dl></details>
<% }) %><% } %><% if (section.notes) { %><ul><% it.results.notes.forEach((note) => { %><li><%= note %></li><% }) %></ul><% } %></section>
<% }) %></main>
</body>
</html>
`;

export function htmlReport(results: ExperimentResults, costs: ExperimentCosts): string {
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  const tables = tablesOf(results, costs);
  const named = (...ids: string[]) => ids.flatMap((id) => tables.filter((one) => one.id === id));
  const figures = figuresOf(results);
  const sections = [
    { id: "result", title: "Result", tables: named("q1", "confirmation", "verdicts", "q2") },
    { id: "lambda", title: "Over lambda", key: true, figures, tables: named("trends", "margins", "q3", "sets") },
    { id: "details", title: "Details", tables: named("categories", "paired", "q4") },
    { id: "answers", title: "Answers side by side", examples: true },
    {
      id: "origin",
      title: "Outputs, costs and provenance",
      tables: named("outputs", "costs", "provenance"),
      folded: named("steps"),
    },
    { id: "notes", title: "Notes", notes: true },
  ]
    .map((section) => ({ key: false, figures: [], tables: [], folded: [], examples: false, notes: false, ...section }))
    .filter(
      (one) =>
        one.tables.length + one.figures.length > 0 ||
        (one.examples && results.examples.length > 0) ||
        (one.notes && results.notes.length > 0),
    );
  const table = (one: ReportTable) => eta.renderString(TABLE, { ...one, cell: cellHtml });
  const outcome = outcomeOf(results);
  return eta.renderString(PAGE, {
    results,
    sections,
    key: keyOf(results),
    style: STYLE,
    table,
    outcome,
    ship: shipText(results),
    saidOf,
  });
}

/** "not refused by keyword, refused by wildguard" */
function saidOf(verdicts: Readonly<Record<string, string>>): string {
  return Object.entries(verdicts)
    .map(([judge, word]) => `${word} by ${judge}`)
    .join(", ");
}
