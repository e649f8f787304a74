// The page that shows a run while it goes on: what is done, what is being done, how long it takes, and the numbers so far.

import { Eta } from "eta";
import { axesOf } from "../axes.js";
import { type CurveSource, curvesOf } from "../figures/curves.js";
import { keyOf } from "../figures/key.js";
import { searchFront, searchKey } from "../search/searchFront.js";
import type { ExperimentStatus } from "../status.js";
import { curveTable } from "../tables/curveTable.js";
import { withoutEmptyColumns } from "../tables/reportTable.js";
import { durationText } from "./durationText.js";
import { escapeHtml } from "./escape.js";
import { FIGURES, KEY } from "./figureTemplate.js";
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
<section class="verdict" aria-label="How far the run is"><p class="because" role="status"><%= it.sentence %></p>
<% if (it.current) { %><p><progress max="<%= it.current.total %>" value="<%= it.current.done %>" aria-label="<%= it.current.step %>"></progress></p><% } %>
<% if (it.times.length > 0) { %><dl class="numbers times"><% it.times.forEach(({ label, value }) => { %><div><dt><%= label %></dt><dd class="number"><%= value %></dd></div><% }) %></dl><% } %></section>
<%~ it.front %><%~ it.curves %><% if (it.table) { %><%~ it.table %><% } %>
<section aria-labelledby="steps"><h2 id="steps"><%= it.status.steps.length %> steps done</h2>
<ol><% it.status.steps.forEach((step) => { %><li><%= step %></li><% }) %></ol></section>
</main>
</body>
</html>
`;

/** @param silence seconds since the run last said something */
export function livePage(status: ExperimentStatus, silence: number): string {
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  const { measured, candidates, labels, better, skills, current, search } = status;
  const { aligned, tuned } = measured;
  const validation = aligned && { better, skills, aligned, tuned, candidates };
  const source: CurveSource | undefined = validation && { labels, validation };
  const axes = validation ? axesOf(validation) : [];
  const figures = source ? curvesOf(source, ["score", "asr", ...axes]) : [];
  const share = current && current.total > 0 ? current : undefined;
  return eta.renderString(PAGE, {
    ...{ status, style: STYLE, current: share },
    percent: share ? `${Math.floor((100 * share.done) / share.total)} % · ` : "",
    ...{ sentence: sentenceOf(status, silence), times: timesOf(status, silence) },
    front: search ? searchOf(status, search, eta) : "",
    curves:
      figures.length > 0 && candidates.length > 0 && validation
        ? eta.renderString(KEY, { key: keyOf({ validation: { ...validation, tuned: tuned ?? aligned } }) }) +
          eta.renderString(FIGURES, { figures })
        : "",
    table:
      validation &&
      eta.renderString(TABLE, { ...withoutEmptyColumns(curveTable({ labels, validation })), cell: cellHtml }),
  });
}

/** What a search has found so far. */
function searchOf(
  { labels, better, measured: { aligned, tuned } }: ExperimentStatus,
  search: NonNullable<ExperimentStatus["search"]>,
  eta: Eta,
): string {
  const end = (of: typeof aligned) => of && { asr: of.asr.value, score: of.score.value };
  const front = { ...search, labels, better, aligned: end(aligned), tuned: end(tuned) };
  return (
    eta.renderString(KEY, { key: searchKey(front, false) }) +
    eta.renderString(FIGURES, { figures: [searchFront(front)] })
  );
}

/** A run that tells nothing for so long may have been killed. */
const SILENT = 120;

/** Between two writings of its status a run goes on, too. */
function timesOf(
  { state, elapsedSeconds, secondsLeft, tokensPerSecond, step }: ExperimentStatus,
  silence: number,
): { readonly label: string; readonly value: string }[] {
  const passed = state === "running" ? Math.min(silence, SILENT) : 0;
  const left = secondsLeft === undefined ? undefined : Math.max(0, secondsLeft - passed);
  return [
    ...(elapsedSeconds === undefined ? [] : [{ label: "elapsed", value: durationText(elapsedSeconds + passed) }]),
    ...(left === undefined || state !== "running" ? [] : [{ label: "left, about", value: durationText(left) }]),
    ...(step === undefined ? [] : [{ label: "steps", value: `${step.k} of ${step.n}` }]),
    ...(tokensPerSecond === undefined || state !== "running"
      ? []
      : [{ label: "tokens/s", value: tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0) }]),
  ];
}

function sentenceOf({ state, message, current }: ExperimentStatus, silence: number): string {
  if (state === "stopped") return `Stopped: ${message ?? "without a word"}. Started again, the run goes on from here.`;
  if (state === "done") return "Done; the report is being written.";
  const quiet =
    silence > SILENT ? ` Nothing was heard of it for ${Math.round(silence / 60)} minutes: is it still running?` : "";
  if (!current) return `Between two steps.${quiet}`;
  const { step, what, done, total } = current;
  return `Now: ${step}${total > 0 ? `, ${done} of ${total} ${what}` : ""}.${quiet}`;
}
