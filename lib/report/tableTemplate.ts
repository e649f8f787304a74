// One table as HTML: scrolls by itself where it is wide, and can be reached with the keyboard then.

export const TABLE = `<div class="wide" tabindex="0" role="region" aria-label="<%= it.caption %>">
<table id="<%= it.id %>"><caption><%= it.caption %></caption>
<thead><tr><% it.head.forEach((cell) => { %><th scope="col"><%= cell %></th><% }) %></tr></thead>
<tbody><% it.rows.forEach(([first, ...cells]) => { %><tr><th scope="row"><%= first %></th><% cells.forEach((cell) => { %><td><%= cell %></td><% }) %></tr>
<% }) %></tbody></table></div><% if (it.note) { %><p class="note"><%= it.note %></p><% } %>`;
