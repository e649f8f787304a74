// Safety by category: a line for each, with the aligned, the fine-tuned and the merged model on it. The names are text of the
// page, so that long ones break; the marks lie at shares of the width, so that they fit any.

import type { Quantity } from "../../select/types.js";
import { overallOf } from "../outcome.js";
import { escapeHtml } from "../page/escape.js";
import type { ExperimentResults } from "../types.js";
import type { Figure } from "./figure.js";

/** undefined where the sets have no categories, or one. */
export function categoriesOf(results: ExperimentResults): Figure | undefined {
  const { test, labels, testLabels = labels } = results;
  const merged = overallOf(results);
  const names = Object.keys(test.aligned.categories);
  if (names.length < 2) return undefined;
  const models = [
    { name: "aligned", mark: "a", of: test.aligned },
    { name: "fine-tuned", mark: "f", of: test.tuned },
    ...(merged ? [{ name: "merged", mark: "m", of: merged }] : []),
  ];
  const rows = names.map((name) => ({
    name,
    items: test.aligned.categories[name]?.values?.[0]?.length,
    points: models.flatMap(({ mark, name: model, of }) => {
      const quantity = of.categories[name];
      return quantity ? [{ mark, model, quantity }] : [];
    }),
  }));
  const words = rows.map(
    ({ name, points }) =>
      `${name}: ${points.map(({ model, quantity }) => `${model} ${quantity.value.toFixed(2)}`).join(", ")}`,
  );
  const key = models.map(({ name, mark }) => `<li>${svgOf("1.5rem", markOf(mark, 50))}${name}</li>`).join("");
  const lines = rows.map(({ name, items, points }) => {
    const count = items === undefined ? "" : ` <small>${items} items</small>`;
    const bars = points.map(({ mark, quantity }, at) => interval(mark, quantity, at));
    const marks = points.map(({ mark, quantity }, at) => markOf(mark, 100 * share(quantity.value), placeOf(at)));
    return `<div><span>${escapeHtml(name)}${count}</span>${svgOf("100%", GRID + bars.join("") + marks.join(""))}</div>`;
  });
  const axis = `<div class="axis"><span></span><span class="ticks"><b>0</b><b>0.25</b><b>0.5</b><b>0.75</b><b>1</b></span></div>`;
  return {
    id: "by-category",
    title: `${testLabels.asr} by category`,
    axes: "← lower is better",
    caption: `With 95 % intervals of these tunings, over the items${rows.some(({ items = 0 }) => items < 20) ? "; of few items they are wide" : ""}.`,
    alternative: `${words.join("; ")}.`,
    svg: `<ul class="key" aria-label="Models and their marks">${key}</ul><div class="rows" role="img" aria-label="${escapeHtml(`${testLabels.asr} by category`)}">${lines.join("")}${axis}</div>`,
  };
}

function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Pixels from the top of a line: the models one below the other. */
function placeOf(at: number): number {
  return 7 + 9 * at;
}

function svgOf(width: string, content: string): string {
  const height = width === "100%" ? 32 : 14;
  return `<svg aria-hidden="true" width="${width}" height="${height}" overflow="visible">${content}</svg>`;
}

const GRID = [0, 25, 50, 75, 100]
  .map((at) => `<line x1="${at}%" x2="${at}%" y1="0" y2="32" stroke="var(--line)"/>`)
  .join("");

const COLOURS: Readonly<Record<string, string>> = { a: "var(--ink)", f: "var(--series-1)", m: "var(--series-0)" };

function interval(mark: string, { low, high }: Quantity, at: number): string {
  if (low === undefined || high === undefined) return "";
  const [from, to] = [100 * share(low), 100 * share(high)].map((one) => `${one.toFixed(1)}%`);
  return `<line x1="${from}" x2="${to}" y1="${placeOf(at)}" y2="${placeOf(at)}" stroke="${COLOURS[mark]}" stroke-width="2" stroke-opacity=".45"/>`;
}

/** A ring, a square and a dot: to be told apart without colours. */
function markOf(mark: string, at: number, y = 7): string {
  const x = `${at.toFixed(1)}%`;
  const colour = COLOURS[mark];
  if (mark === "a")
    return `<circle cx="${x}" cy="${y}" r="4" fill="var(--ground)" stroke="${colour}" stroke-width="2"/>`;
  if (mark === "m") return `<circle cx="${x}" cy="${y}" r="5" fill="${colour}"/>`;
  return `<svg x="${x}" y="${y}" overflow="visible"><rect x="-4" y="-4" width="8" height="8" fill="${colour}"/></svg>`;
}
