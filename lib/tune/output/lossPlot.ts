// The loss over the steps as an SVG.

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { History } from "./checkpoints.js";

/** An SVG that stands alone. */
export function lossPlot({ steps, validation }: History): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const points = steps.map(({ loss }, i) => ({ step: i + 1, loss, of: "training" }));
  const held = validation.map(({ step, loss }) => ({ step, loss, of: "validation" }));
  const plot = Plot.plot({
    document,
    width: 720,
    height: 360,
    grid: true,
    x: { label: "step" },
    y: { label: "loss", zero: true },
    style: { background: "white", color: "#222", fontFamily: "sans-serif", fontSize: "12px" },
    marks: [
      Plot.ruleY([0]),
      Plot.lineY(points, { x: "step", y: "loss", stroke: "#3b6fb6", strokeWidth: 1.2 }),
      Plot.lineY(held, { x: "step", y: "loss", stroke: "#c2571a", strokeWidth: 1.5 }),
      Plot.dot(held, { x: "step", y: "loss", fill: "#c2571a", title: () => "validation" }),
    ],
  } as Plot.PlotOptions);
  plot.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `<?xml version="1.0" encoding="utf-8"?>\n${plot.outerHTML}\n`;
}
