// One table as HTML: scrolls by itself where it is wide, and can be reached with the keyboard then.

import { escapeHtml } from "./escape.js";

export const TABLE = `<div class="wide" tabindex="0" role="region" aria-label="<%= it.caption %>">
<table id="<%= it.id %>"><caption><%= it.caption %></caption>
<thead><tr><% it.head.forEach((cell) => { %><th scope="col"><%= cell %></th><% }) %></tr></thead>
<tbody><% it.rows.forEach(([first, ...cells]) => { %><tr><th scope="row"><%= first %></th><% cells.forEach((cell) => { %><td><%~ it.cell(cell) %></td><% }) %></tr>
<% }) %></tbody></table></div><% if (it.note) { %><p class="note"><%= it.note %></p><% } %><% if (it.reasons) { %><ul class="note"><% it.reasons.forEach((reason) => { %><li><%= reason %></li><% }) %></ul><% } %>`;

/** A cell's text as HTML: numbers stay with their spread, their interval or their unit on one line, and digests may break. */
export function cellHtml(text: string): string {
  if (/^[0-9a-f]{64}( [0-9a-f]{64})*$/.test(text)) return `<code>${text}</code>`;
  return escapeHtml(text)
    .replace(/(\d) ± (\d)/g, "$1\u00a0±\u00a0$2")
    .replace(/([-+\d.]+) to ([-+\d.]+)(?=[;)])/g, "$1\u00a0to\u00a0$2")
    .replace(/(\d) %/g, "$1\u00a0%")
    .replace(/^&lt; /, "&lt;\u00a0");
}
