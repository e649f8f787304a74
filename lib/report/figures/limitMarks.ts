// The line of what is allowed, in a curve's figure and in pictures of the task against safety.

import { rect, ruleX, ruleY, text } from "@observablehq/plot";
import { fixed } from "../numbers.js";
import { MARGIN, TEXT } from "./draw.js";
import { freestPlace, type PlacedLabel } from "./placeLabels.js";

/** Pixels of a curve's figure, and from its frame to the first and last place of its points. */
export const [WIDTH, HEIGHT, INSET] = [420, 266, 8] as const;

export interface CurvePoint {
  /** Lambda, or what is varied. */
  readonly at: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Of a picture of the task against safety: the line, and what is right of it, which is more than allowed. Nothing beyond the picture. */
export function limitAcross(
  limit: number | undefined,
  x: readonly [number, number],
  y: readonly [number, number],
): unknown[] {
  if (limit === undefined || limit >= x[1]) return [];
  return [
    rect([0], { x1: limit, x2: x[1], y1: y[0], y2: y[1], fill: "var(--limit)", fillOpacity: 0.06 } as never),
    ruleX([limit], { stroke: "var(--limit)", strokeWidth: 1.75 }),
  ];
}

/** The line, and its name where it covers least. */
export function limitMarks(
  limit: number,
  x: readonly [number, number],
  y: readonly [number, number],
  rows: readonly (readonly CurvePoint[])[],
): unknown[] {
  const frame = { left: MARGIN.left, right: WIDTH - MARGIN.right, top: MARGIN.top, bottom: HEIGHT - MARGIN.bottom };
  const pixels = (at: number, value: number) => ({
    x: frame.left + INSET + ((frame.right - frame.left - 2 * INSET) * (at - x[0])) / (x[1] - x[0]),
    y: frame.bottom - ((frame.bottom - frame.top) * (value - y[0])) / (y[1] - y[0]),
  });
  const marks = rows.flatMap((all) =>
    all.flatMap((row, place) => {
      const next = all[place + 1] ?? row;
      const along = Array.from({ length: 8 }, (_, step) => {
        const share = step / 8;
        const [at, value] = [row.at + share * (next.at - row.at), row.value + share * (next.value - row.value)];
        return pixels(at, value);
      });
      return [...along, pixels(row.at, row.low), pixels(row.at, row.high)];
    }),
  );
  const words = `allowed ${fixed(limit)}`;
  const line = pixels(0, limit).y;
  const heights = [line - 9, line + 10].filter((one) => one > frame.top + 4 && one < frame.bottom - 4);
  const places = heights.flatMap((height): PlacedLabel[] => [
    { x: frame.left + 4, y: height, text: words, anchor: "start" },
    { x: frame.right - 4, y: height, text: words, anchor: "end" },
    { x: (frame.left + frame.right) / 2, y: height, text: words, anchor: "middle" },
  ]);
  const placed = freestPlace(places, marks);
  return [
    ruleY([limit], { stroke: "var(--limit)", strokeWidth: 1.75 }),
    text([words], {
      ...{ y: () => limit, text: (one: string) => one, dy: placed.y - line, textAnchor: placed.anchor },
      ...{ frameAnchor: placed.anchor === "start" ? "left" : placed.anchor === "end" ? "right" : "middle" },
      ...{ dx: placed.anchor === "start" ? 4 : placed.anchor === "end" ? -4 : 0, ...TEXT, fill: "var(--limit)" },
    } as never),
  ];
}
