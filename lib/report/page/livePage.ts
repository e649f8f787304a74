// The page that shows a run while it goes on: what is done, what is being done, and the numbers so far.

import { Eta } from "eta";
import { curvesOf, keyOf } from "../figures/plots.js";
import type { ExperimentStatus } from "../status.js";
import { curveTable } from "../tables/tablesOf.js";
import { escapeHtml } from "./escape.js";
import { STYLE } from "./style.js";
import { cellHtml, TABLE } from "./tableTemplate.js";

/** Seconds after which the page is loaded again. */
const PAUSE = 3;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${PAUSE}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title><%= it.percent %><%= it.status.name %></title>
<style><%~ it.style %></style>
</head>
<body>
<header><h1><%= it.status.name %></h1></header>
<main id="content">
<div class="verdict"><p role="status"><%= it.sentence %></p></div>
<% if (it.current) { %><p><progress max="<%= it.current.total %>" value="<%= it.current.done %>" aria-label="<%= it.current.step %>"></progress></p><% } %>
<% if (it.figures.length > 0) { %><ul class="key" aria-label="Methods and their marks"><% it.key.forEach(({ method, svg }) => { %><li><%~ svg %><%= method %></li><% }) %></ul><% } %>
<% if (it.figures.length > 0) { %><div class="figures"><% it.figures.forEach((figure) => { %><figure id="<%= figure.id %>"><%~ figure.svg %><figcaption><%= figure.caption %></figcaption></figure>
<% }) %></div><% } %><% if (it.table) { %><%~ it.table %><% } %>
<section aria-labelledby="steps"><h2 id="steps"><%= it.status.steps.length %> steps done</h2>
<ol><% it.status.steps.forEach((step) => { %><li><%= step %></li><% }) %></ol></section>
</main>
</body>
</html>
`;

/** @param silence seconds since the run last said something */
export function livePage(status: ExperimentStatus, silence: number): string {
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  const { measured, candidates, labels, better, current } = status;
  const { aligned, tuned } = measured;
  const validation = aligned && { aligned, tuned, candidates };
  const swept = candidates.some(({ lambda }) => lambda !== undefined);
  const curves = aligned && tuned && swept ? { labels, validation: { better, aligned, tuned, candidates } } : undefined;
  return eta.renderString(PAGE, {
    status,
    style: STYLE,
    current: current && current.total > 0 ? current : undefined,
    percent: current && current.total > 0 ? `${Math.floor((100 * current.done) / current.total)} % · ` : "",
    sentence: sentenceOf(status, silence),
    figures: curves ? [curvesOf(curves, "score"), curvesOf(curves, "asr")] : [],
    key: curves ? keyOf(curves) : [],
    table: validation && eta.renderString(TABLE, { ...curveTable({ labels, validation }), cell: cellHtml }),
  });
}

/** A run that tells nothing for so long may have been killed. */
const SILENT = 120;

function sentenceOf({ state, message, current }: ExperimentStatus, silence: number): string {
  if (state === "stopped") return `Stopped: ${message ?? "without a word"}. Started again, the run goes on from here.`;
  if (state === "done") return "Done; the report is being written.";
  const quiet =
    silence > SILENT ? ` Nothing was heard of it for ${Math.round(silence / 60)} minutes: is it still running?` : "";
  if (!current) return `Between two steps.${quiet}`;
  const { step, what, done, total } = current;
  return `Now: ${step}${total > 0 ? `, ${done} of ${total} ${what}` : ""}.${quiet}`;
}
