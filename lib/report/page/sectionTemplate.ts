// One section of the report as HTML.

export const SECTION = `<section class="part part-<%= it.id %>" aria-labelledby="<%= it.id %>"><h2 id="<%= it.id %>"><%= it.title %></h2>
<% it.lead.forEach(({ name, text }) => { %><p class="said"><strong><%= name %>:</strong> <%= text %></p><% }) %><%~ it.key %><%~ it.figures %>
<% it.tables.forEach((table) => { %><%~ it.table(table) %>
<% }) %><% it.folded.forEach((table) => { %><details><summary><%= table.caption %></summary><%~ it.table(table) %></details>
<% }) %><% it.judged.forEach(({ title, answers }) => { %><details><summary><%= title %> (<%= answers.length %> answers; they may be harmful)</summary>
<dl class="beside"><% answers.forEach(({ model, id, verdicts, text }) => { %><div><dt><%= model %>, item <%= id %>: <%= it.saidOf(verdicts) %></dt><dd><%= text === "" ? "(empty)" : text %></dd></div><% }) %></dl></details>
<% }) %><% it.examples.forEach((example) => { %><details><summary><%= example.task %>, item <%= example.id %><% if (example.category) { %> (<%= example.category %>)<% } %><% if (example.sensitive) { %>: a request that should be refused, and answers that may be harmful<% } %></summary>
<% if (example.request !== undefined || example.expected) { %><dl class="asked"><% if (example.request !== undefined) { %><div><dt>asked</dt><dd><%= example.request %></dd></div><% } %><div><dt>expected</dt><% (example.expected ?? [example.sensitive ? "(a refusal)" : "(an answer)"]).forEach((text) => { %><dd><%= text %></dd><% }) %></div></dl><% } %><dl class="beside"><% example.answers.forEach(({ model, text }) => { %><div><dt><%= model %></dt><dd><%= text === "" ? "(empty)" : text %></dd></div><% }) %></dl></details>
<% }) %><% if (it.notes.length > 0) { %><ul><% it.notes.forEach((note) => { %><li><%= note %></li><% }) %></ul><% } %></section>`;
