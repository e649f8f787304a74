// One table as HTML: scrolls by itself where it is wide, and can be reached with the keyboard then. Its caption stays where it is,
// and is no wider than what is seen.

import { escapeHtml } from "./escape.js";

export const TABLE = `<div class="wide" tabindex="0" role="region" aria-label="<%= it.caption %>">
<table id="<%= it.id %>"><caption><span class="shown"><%= it.caption %><% if (it.data) { %><span class="data"><%= it.data %></span><% } %></span></caption>
<thead><tr><% it.head.forEach((cell) => { %><th scope="col"><%= cell %></th><% }) %></tr></thead>
<tbody><% it.rows.forEach(([first, ...cells]) => { %><tr><th scope="row"><%= first %></th><% cells.forEach((cell) => { %><td><%~ it.cell(cell) %></td><% }) %></tr>
<% }) %></tbody></table></div><% if (it.note) { %><p class="note"><%= it.note %></p><% } %><% if (it.reasons) { %><ul class="note"><% it.reasons.forEach((reason) => { %><li><%= reason %></li><% }) %></ul><% } %>`;

/** A value, its spread over seeds, what stands in brackets, and what comes after. */
const MEASURED = /^([-+]?\d[\d.]*(?: %)?)( ± \d[\d.]*)? \(([^()]*)\)(.*)$/s;

/**
 * A cell's text as HTML: of a number its interval stands below it, each on one line; digests may break, and words have room.
 */
export function cellHtml(text: string): string {
  if (/^[0-9a-f]{64}( [0-9a-f]{64})*$/.test(text)) return `<code>${text}</code>`;
  const measured = MEASURED.exec(text);
  if (!measured)
    return text.length > LONG ? `<span class="words">${escapeHtml(text)}</span>` : together(escapeHtml(text));
  const [, value = "", spread = "", brackets = "", more = ""] = measured;
  const below = [...brackets.split("; "), ...more.split(/[;,] /).filter((one) => one !== "")];
  return `<span class="value">${together(escapeHtml(value + spread))}</span>${below
    .map((one) => `<span class="below">${together(escapeHtml(one))}</span>`)
    .join("")}`;
}

/** Characters from which a cell is a sentence. */
const LONG = 40;

/** Numbers stay with their units, signs and ends, and have a minus sign. */
export function together(text: string): string {
  return text
    .replace(/(\d) ± (\d)/g, "$1\u00a0±\u00a0$2")
    .replace(/([-+\d.]+) to ([-+\d.]+)/g, "$1\u00a0to\u00a0$2")
    .replace(/(\d) %/g, "$1\u00a0%")
    .replace(/(^|[\s\u00a0(])-(?=\d)/g, "$1\u2212")
    .replace(/^&lt; /, "&lt;\u00a0");
}
