// Figures and their key as HTML.

export const KEY = `<ul class="key" aria-label="What the marks mean"><% it.key.forEach(({ name, svg }) => { %><li><%~ svg %><%= name %></li><% }) %></ul>`;

export const FIGURES = `<div class="figures"><% it.figures.forEach((figure) => { %><figure id="<%= figure.id %>"><p class="figure-title"><strong><%= figure.title %></strong> <span><%= figure.axes %></span></p>
<% if (figure.narrow) { %><div class="for-wide"><%~ figure.svg %></div><div class="for-narrow"><%~ figure.narrow %></div><% } else { %><%~ figure.svg %><% } %><% if (figure.below) { %><p class="below-axis"><%= figure.below %></p><% } %><figcaption><%= figure.caption %></figcaption>
<details class="in-words"><summary>In words</summary><p><%= figure.alternative %></p></details></figure>
<% }) %></div>`;
