// A search as one HTML file: all candidates in one picture, the choices' coefficients as heat maps, and every number in a table. Nothing is
// loaded, no script runs, every text from outside is escaped.

import { Eta } from "eta";
import { heatMap } from "../figures/heatMap.js";
import { escapeHtml } from "../page/escape.js";
import { FIGURES, KEY } from "../page/figureTemplate.js";
import { headOf } from "../page/headTemplate.js";
import { STYLE } from "../page/style.js";
import { cellHtml, TABLE } from "../page/tableTemplate.js";
import { withoutEmptyColumns } from "../tables/reportTable.js";
import { searchFront, searchKey } from "./searchFront.js";
import { conclusion, ruleText, searchNotes, searchTables } from "./searchTables.js";
import { type SearchedPoint, type SearchFront, type SearchResults, WAYS } from "./types.js";

const PAGE = `${headOf("Search: <%= it.name %>")}<header><h1>Search: <%= it.name %></h1></header>
<main id="content">
<p><strong><%= it.conclusion %></strong></p>
<p><%= it.rule %></p>
<ul><% it.notes.forEach((note) => { %><li><%= note %></li><% }) %></ul>
<%~ it.key %><%~ it.front %>
<%~ it.maps %>
<% it.tables.forEach((table) => { %><%~ table %>
<% }) %></main>
</body>
</html>
`;

export function searchHtml(results: SearchResults): string {
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  const front = frontOf(results);
  const maps = mapsOf(results);
  return eta.renderString(PAGE, {
    ...{ name: results.name, style: STYLE, conclusion: conclusion(results), rule: ruleText(results) },
    notes: searchNotes(results),
    key: eta.renderString(KEY, { key: searchKey(front, true) }),
    front: eta.renderString(FIGURES, { figures: [searchFront(front)] }),
    maps: maps.length === 0 ? "" : eta.renderString(FIGURES, { figures: maps }),
    tables: searchTables(results).map((one) =>
      eta.renderString(TABLE, { ...withoutEmptyColumns(one), cell: cellHtml }),
    ),
  });
}

function frontOf({ labels, better, rule, candidates, aligned, tuned, finalists, choices }: SearchResults): SearchFront {
  const end = ({ search: { score, asr } }: SearchResults["aligned"]) => ({ score: score.value, asr: asr.value });
  const pointsOf = (some: readonly Pick<SearchedPoint, "way" | "number">[]) =>
    some.flatMap(({ way, number }) => candidates.find((one) => one.way === way && one.number === number) ?? []);
  return {
    ...{ labels, better, margin: rule.margin, points: candidates, aligned: end(aligned), tuned: end(tuned) },
    ...{ finalists: pointsOf(finalists), choices: pointsOf(choices) },
  };
}

/** Of each choice its coefficients, each layer with that of its group. */
function mapsOf({ choices, groups }: SearchResults) {
  const most = Math.max(0, ...choices.flatMap(({ coefficients }) => coefficients.map(Math.abs)));
  return choices.flatMap(({ way, coefficients }) => {
    const cells = groups.flatMap(({ layers = [], module = "" }, at) =>
      layers.map((layer) => ({ layer, module, value: coefficients[at] as number })),
    );
    const map = heatMap({
      ...{ id: `coefficients-${way}`, title: `Coefficients of ${WAYS[way]}`, cells, digits: 2, most },
      axes: "layers from left to right, modules from top to bottom",
      caption: "How much of the fine-tuning each part of the model has: 0 is the aligned model, 1 the fine-tuned one.",
    });
    return map ?? [];
  });
}
