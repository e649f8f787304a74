// A picture of layers x modules: a square for each tensor or group, darker for a larger number, in another colour below zero.

import { cell, text } from "@observablehq/plot";
import { escapeHtml } from "../page/escape.js";
import { drawn } from "./draw.js";
import type { Figure } from "./figure.js";
import { colourOf } from "./series.js";

/** One number of a layer's module. */
export interface HeatCell {
  readonly layer: number;
  readonly module: string;
  readonly value: number;
}

/** A heat map as data: what is drawn, and the words around it. */
export interface HeatMap extends Pick<Figure, "id" | "title" | "axes" | "caption"> {
  readonly cells: readonly HeatCell[];
  /** Digits behind the point, in the picture and in words. */
  readonly digits: number;
  /** The number that is drawn darkest; the largest of them by default. */
  readonly most?: number | undefined;
}

/** Layers up to which numbers stand in their squares. */
const WITH_NUMBERS = 16;
const ROW = 26;

/** undefined where there is nothing to draw. */
export function heatMap({ cells, digits, most, ...words }: HeatMap): Figure | undefined {
  if (cells.length === 0) return undefined;
  const modules = [...new Set(cells.map(({ module }) => module))];
  const layers = [...new Set(cells.map(({ layer }) => layer))].sort((a, b) => a - b);
  const largest = most ?? Math.max(...cells.map(({ value }) => Math.abs(value)));
  const said = (value: number) => value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "");
  const picture = (width: number, marginLeft: number) => {
    const marks = [
      cell(cells as HeatCell[], {
        ...{ x: "layer", y: "module", inset: 1 },
        fill: ({ value }: HeatCell) => colourOf(value < 0 ? 1 : 0),
        fillOpacity: ({ value }: HeatCell) =>
          largest > 0 ? 0.06 + 0.74 * Math.min(1, Math.abs(value) / largest) : 0.06,
        stroke: "var(--line)",
      }),
      ...(layers.length <= WITH_NUMBERS && width / layers.length > 30
        ? [text(cells as HeatCell[], { ...LABEL, text: ({ value }: HeatCell) => said(value) })]
        : []),
    ];
    const settings = {
      ...{ width, height: modules.length * ROW + 50, marginLeft, marginTop: 6, marginBottom: 44, marginRight: 8 },
      x: { type: "band", domain: layers, label: "layer", tickSize: 0, padding: 0 },
      y: { type: "band", domain: modules, label: null, tickSize: 0, padding: 0 },
      color: { type: "identity" },
      opacity: { type: "identity" },
    };
    const id = `${words.id}-title`;
    return drawn(settings, [], marks).replace(
      /<svg([^>]*)>/,
      (_, more: string) =>
        `<svg role="img" aria-labelledby="${id}"${more}><title id="${id}">${escapeHtml(words.title)}</title>`,
    );
  };
  const widest = Math.max(...modules.map(({ length }) => length));
  const rows = modules.map((module) => {
    const own = cells.filter((one) => one.module === module);
    return `${module}: ${own.map(({ layer, value }) => `layer ${layer} ${said(value)}`).join(", ")}`;
  });
  return { ...words, alternative: `${rows.join("; ")}.`, svg: picture(520, Math.min(190, 16 + 6.5 * widest)) };
}

const LABEL = { x: "layer", y: "module", fill: "currentColor", fontSize: 10 } as const;
