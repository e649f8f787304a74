// From marks to SVG as text, in the colours of the page. For a reader of the page a picture is one thing with one name.

import { plot } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { escapeHtml } from "../page/escape.js";
import { colourOf } from "./series.js";

export interface Drawing {
  readonly id: string;
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly x: object;
  readonly y: object;
  /** In the order of their colours and symbols. */
  readonly series: readonly string[];
  readonly marks: readonly unknown[];
}

/** A diamond is what was measured on the data that confirm. */
const SYMBOLS = ["circle", "square", "triangle", "cross", "star", "wye", "hexagon"] as const;

/** Pixels around what is drawn. */
export const MARGIN = { left: 42, top: 14, right: 14, bottom: 38 } as const;

export function draw({ id, title, series, marks, ...settings }: Drawing): string {
  const { left, top, right, bottom } = MARGIN;
  const margins = { marginLeft: left, marginTop: top, marginRight: right, marginBottom: bottom };
  return drawn({ ...settings, ...margins }, series, marks).replace(
    /<svg([^>]*)>/,
    (_, more: string) =>
      `<svg role="img" aria-labelledby="${id}-title"${more}><title id="${id}-title">${escapeHtml(title)}</title>`,
  );
}

export function drawn(settings: object, series: readonly string[], marks: readonly unknown[]): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const figure = plot({
    document,
    style: { background: "none", color: "currentColor", fontSize: "12px" },
    color: { type: "ordinal", domain: series, range: series.map((_, at) => colourOf(at)), legend: false },
    symbol: { domain: series, range: series.map((_, at) => SYMBOLS[at % SYMBOLS.length]), legend: false },
    marks,
    ...settings,
  } as never) as unknown as { readonly outerHTML: string };
  const all = figure.outerHTML;
  const svg = all.slice(all.indexOf("<svg"), all.lastIndexOf("</svg>") + "</svg>".length);
  // a group has no role that could have a name: within a picture its name is for the style and for tests
  return svg.replace(/ aria-label="([a-z -]*)"/g, ' data-mark="$1"');
}

/** A mark of a key, about (0, 0) of -1 to 1; the words beside it say what it is. */
export function sample(series: readonly string[], marks: readonly unknown[]): string {
  return drawn(SAMPLE, series, marks).replace("<svg", '<svg aria-hidden="true"');
}

const SAMPLE = { width: 24, height: 16, margin: 0, axis: null, x: { domain: [-1, 1] }, y: { domain: [-1, 1] } };

/** Text that stays readable where lines pass behind it. */
export const TEXT = { fill: "currentColor", stroke: "var(--ground)", strokeWidth: 4 } as const;

/** As far as the numbers reach, from 0; of shares to the next tenth, and to 1 at most. */
export function domainOf(
  values: readonly { readonly low: number; readonly high: number }[],
): readonly [number, number] {
  const [least, most] = [Math.min(0, ...values.map(({ low }) => low)), Math.max(...values.map(({ high }) => high))];
  const rounding = 1e-9;
  if (most > 1 + rounding || least < -rounding) return [least, 1.05 * most];
  return [0, Math.min(1, Math.max(0.2, Math.ceil(10.2 * most) / 10))];
}

/** Of methods without a lambda. */
export const FLAT = { strokeWidth: 1.5, strokeDasharray: "1.5 3" } as const;

/** Of controls. */
export const CONTROL = { strokeWidth: 1.75, strokeDasharray: "6 4" } as const;
