// The first screen as HTML.

import type { Mark } from "../summary/summary.js";

const icon = (path: string) =>
  `<svg class="icon" aria-hidden="true" viewBox="0 0 24 24" width="28" height="28"><circle cx="12" cy="12" r="11" fill="currentColor"/><path d="${path}" fill="none" stroke="var(--ground)" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>`;

/** A tick, an exclamation mark, a cross: they can be told apart without colours. */
export const MARKS: Readonly<Record<Mark, string>> = {
  ships: icon("M6.5 12.5l3.6 3.7 7.4-8"),
  note: icon("M12 6v7.5M12 17.3v.2"),
  no: icon("M8 8l8 8M16 8l-8 8"),
};

export const SUMMARY = `<section class="verdict <%= it.mark %>" aria-labelledby="verdict">
<h2 id="verdict"><%~ it.icon %><span><span class="title"><%= it.title %></span><span class="colon">: </span><span class="what"><%= it.what %></span></span></h2>
<p class="because"><%~ it.text(it.because) %></p>
<% it.forms.forEach((one) => { %><p class="because"><%~ it.text(one) %></p><% }) %>
<% if (it.notes.length > 0) { %><ul class="alarms"><% it.notes.forEach((note) => { %><li><%~ it.text(note) %></li><% }) %></ul><% } %>
<dl class="numbers"><% it.numbers.forEach(({ label, value, interval, from, keeps }) => { %><div<% if (keeps !== undefined) { %> class="<%= keeps ? "keeps" : "fails" %>"<% } %>><dt><%= label %></dt><dd class="number"><%~ it.text(value) %></dd><% if (interval) { %><dd class="interval"><%~ it.text(interval) %></dd><% } %><dd class="from"><%~ it.text(from) %></dd></div><% }) %></dl>
<p class="note"><%~ it.text(it.numbersOf) %>. Intervals are of 95 %, over the items.</p>
<div class="then"><% if (it.use) { %><div><h3>Use it</h3><p><code class="command"><%= it.use.command %></code></p><p>In the folder of this page. <% if (it.use.leadsTo) { %><code><%= it.use.folder %></code> is a link to <code><%= it.use.leadsTo %></code>.<% } %><% if (it.use.seed) { %> <%= it.use.seed %>: <a href="#words">why this one</a>.<% } %></p></div><% } %><div><h3>Next best</h3><p><%~ it.text(it.next) %></p></div><% if (it.better.length > 0) { %><div><h3>To decide better</h3><ul><% it.better.forEach((one) => { %><li><%~ it.text(one) %></li><% }) %></ul></div><% } %></div>
</section>`;
