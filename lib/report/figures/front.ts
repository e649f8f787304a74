// The task against safety, every merge in one picture: which no other beats in both, which is chosen, and what is allowed.

import { dot, line, link, text } from "@observablehq/plot";
import { nameOf } from "../../select/names.js";
import type { Quantity } from "../../select/types.js";
import { fixed } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults } from "../types.js";
import { CONTROL, domainOf, draw, MARGIN, TEXT } from "./draw.js";
import type { Figure } from "./figure.js";
import { limitAcross } from "./limitMarks.js";
import { freestPlace, type LabelledPoint, type PlacedLabel, placeLabels, widthOf } from "./placeLabels.js";
import { isMeasured, seriesName, seriesNames } from "./series.js";

interface Spot {
  readonly name: string;
  readonly method: string;
  readonly asr: number;
  readonly score: number;
  readonly asrLow: number;
  readonly asrHigh: number;
  readonly scoreLow: number;
  readonly scoreHigh: number;
}

type Size = { readonly width: number; readonly height: number; readonly wide: boolean };

/** Of which numbers a picture is, where they are others than the score and the rate of safety. */
export interface FrontOptions {
  readonly id: string;
  /** Whose points the front has, in words; they are marked, since in this picture no line joins them. */
  readonly beats: string;
}

export function frontOf(results: ExperimentResults, other?: FrontOptions): Figure {
  const { selection, labels, validation } = results;
  const better = validation.better ?? "high";
  const { candidate } = selection.overall;
  const front = selection.front.map(
    (one) => `${nameOf(one)}, ${one.score.value.toFixed(2)} at ${one.asr.value.toFixed(2)}`,
  );
  return {
    id: other?.id ?? "front",
    title: `${labels.score} against ${labels.asr}`,
    axes: `${better === "high" ? "↑ higher" : "↓ lower"} is better`,
    below: `← lower is better: ${labels.asr}`,
    caption: `Every merge, with 95 % intervals of these tunings, over the items; ${other ? `the filled marks are merges that no other beats in ${other.beats}` : "the line joins merges that no other beats in both"}. ${better === "high" ? "Up" : "Down"} and left is better.${candidate ? " The ring marks the choice." : ""}${selection.rule.rule === "constrained" ? " What is right of the line is more than what is allowed." : ""}`,
    alternative: `On the front: ${front.join("; ")}.`,
    svg: drawFront(results, { width: 900, height: other ? 400 : 520, wide: true }, other),
    narrow: drawFront(results, { width: 380, height: 400, wide: false }, other),
  };
}

function drawFront(results: ExperimentResults, size: Size, other: FrontOptions | undefined): string {
  const { validation, selection, labels, controls } = results;
  const { aligned, tuned } = validation;
  const points = validation.candidates.filter(isMeasured).map((one) => spot(nameOf(one), seriesName(one), one));
  const chosen = selection.overall.candidate;
  const best = selection.front.map((one) => spot(nameOf(one), seriesName(one), one));
  const ends = [spot("aligned", "", aligned), spot("fine-tuned", "", tuned)];
  const limit = selection.rule.rule === "constrained" ? aligned.asr.value + selection.rule.margin : undefined;
  const tested = sameNumbers(results) ? overallOf(results) : undefined;
  const confirms = tested && spot("confirmed on other data", seriesName(tested), tested);
  const curves = (controls?.curves ?? []).map(({ name, points: own }) =>
    own.filter(isMeasured).map((one) => spot(name, name, one)),
  );
  const widest = Math.max(
    ...points.map(({ asrHigh }) => asrHigh),
    ...[...ends, ...curves.flat()].map(({ asr }) => asr),
    ...(limit === undefined ? [] : [limit]),
  );
  const x = [0, Math.min(1, Math.max(0.1, 1.05 * widest))] as const;
  const y = domainOf([...points, ...ends, ...curves.flat()].map((one) => ({ low: one.scoreLow, high: one.scoreHigh })));
  const { frame, pixels, back } = scales(size, x, y);
  const marks = [...points, ...ends, ...(confirms ? [confirms] : [])].map(pixels);
  const limitLabel =
    limit === undefined || limit >= x[1]
      ? undefined
      : limitText(limit, pixels({ asr: limit, score: y[1] }).x, frame, [...marks, ...between(best.map(pixels))]);
  const apart = new Set<string>();
  const labelled: LabelledPoint[] = [
    ...(chosen ? [{ ...pixels(spot("", "", chosen)), text: shortName(chosen, true), needed: true, reach: 9 }] : []),
    ...ends.map((one) => ({ ...pixels(one), text: one.name, needed: true })),
    ...selection.front.map((one) => ({
      ...pixels(spot("", "", one)),
      text: shortName(one, size.wide),
      needed: false,
    })),
    ...curves.flatMap((rows) => {
      const last = rows.at(-1);
      return last ? [{ ...pixels(last), text: last.name, needed: false }] : [];
    }),
  ].filter(({ x: across, y: down }) => {
    // what lies on another point is not named again
    const place = `${Math.round(across / 10)} ${Math.round(down / 10)}`;
    return !apart.has(place) && apart.add(place);
  });
  const placed = placeLabels(labelled, marks, frame, limitLabel ? [limitLabel.box] : []);
  const interval = { stroke: "method", strokeOpacity: 0.3 };
  return draw({
    id: `${other?.id ?? "front"}-${size.wide ? "wide" : "narrow"}`,
    title: `${labels.score} against ${labels.asr}`,
    ...{ width: size.width, height: size.height, series: seriesNames(validation.candidates) },
    x: { label: null, grid: true, domain: x, ticks: size.wide ? 10 : 5 },
    y: { label: null, grid: true, domain: y, ticks: 6 },
    marks: [
      ...limitAcross(limit, x, y),
      ...curves.map((rows) => line(rows, { x: "asr", y: "score", stroke: "var(--soft)", ...CONTROL } as never)),
      link(points, { x1: "asrLow", x2: "asrHigh", y: "score", ...interval } as never),
      link(points, { x: "asr", y1: "scoreLow", y2: "scoreHigh", ...interval } as never),
      ...(other ? [] : [line(best, { x: "asr", y: "score", stroke: "currentColor", strokeOpacity: 0.45 })]),
      dot(points, {
        ...{ x: "asr", y: "score", stroke: "method", symbol: "method", r: 4, strokeWidth: 1.75, fill: "var(--ground)" },
        title: ({ name, score, asr }: Spot) => `${name}: ${fixed(score)} at ${fixed(asr)}`,
      } as never),
      ...(other ? [dot(best, { x: "asr", y: "score", fill: "method", symbol: "method", r: 4 } as never)] : []),
      dot(ends, { x: "asr", y: "score", fill: "currentColor", r: 4 }),
      ...(confirms
        ? [
            dot([confirms], {
              ...{ x: "asr", y: "score", fill: "method", symbol: "diamond", r: 6 },
              stroke: "var(--ground)",
              title: ({ name, score, asr }: Spot) => `${name}: ${fixed(score)} at ${fixed(asr)}`,
            } as never),
          ]
        : []),
      ...(chosen
        ? [dot([spot("", "", chosen)], { x: "asr", y: "score", stroke: "currentColor", strokeWidth: 1.75, r: 9 })]
        : []),
      ...placed.flatMap(({ from, x: across, y: down }) =>
        from ? [leader(back(from), back({ x: across, y: down }))] : [],
      ),
      ...[...placed, ...(limitLabel ? [limitLabel] : [])].map((one) => labelMark(one, back, one === limitLabel)),
    ],
  });
}

function spot(
  name: string,
  method: string,
  { asr, score }: { readonly asr: Quantity; readonly score: Quantity },
): Spot {
  const end = ({ value, low = value, high = value }: Quantity) => [low, high] as const;
  const [[asrLow, asrHigh], [scoreLow, scoreHigh]] = [end(asr), end(score)];
  return { name, method, asr: asr.value, score: score.value, asrLow, asrHigh, scoreLow, scoreHigh };
}

/** On a narrow picture the lambda alone: the mark says which method it is. */
function shortName(
  { method, lambda }: { readonly method: string; readonly lambda?: number | undefined },
  whole: boolean,
): string {
  return lambda === undefined ? method : whole ? `${method} ${lambda}` : String(lambda);
}

/** The test's numbers can stand in one picture with the validation's where they are the same. */
function sameNumbers({ labels, testLabels = labels }: ExperimentResults): boolean {
  return labels.asr === testLabels.asr && labels.score === testLabels.score;
}

function limitText(
  limit: number,
  x: number,
  frame: { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number },
  marks: readonly { readonly x: number; readonly y: number }[],
) {
  const words = `allowed ${fixed(limit)}`;
  const width = widthOf(words) + 6;
  const heights = [frame.bottom - 12, frame.top + 14, (frame.top + frame.bottom) / 2];
  const places = heights.flatMap((y): PlacedLabel[] => [
    ...(x + width <= frame.right ? [{ x: x + 6, y, text: words, anchor: "start" as const }] : []),
    ...(x - width >= frame.left ? [{ x: x - 6, y, text: words, anchor: "end" as const }] : []),
  ]);
  return freestPlace(places, marks);
}

/** Places along a line, so that labels keep off it. */
function between(line: readonly { readonly x: number; readonly y: number }[]) {
  return line.slice(1).flatMap((to, at) => {
    const from = line[at] ?? to;
    return Array.from({ length: 12 }, (_, step) => ({
      x: from.x + ((to.x - from.x) * step) / 12,
      y: from.y + ((to.y - from.y) * step) / 12,
    }));
  });
}

/** Between the numbers and the picture's pixels, as Plot places them. */
function scales({ width, height }: Size, x: readonly [number, number], y: readonly [number, number]) {
  const frame = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
  const [across, down] = [frame.right - frame.left, frame.bottom - frame.top];
  return {
    frame,
    pixels: ({ asr, score }: { readonly asr: number; readonly score: number }) => ({
      x: frame.left + (across * (asr - x[0])) / (x[1] - x[0]),
      y: frame.bottom - (down * (score - y[0])) / (y[1] - y[0]),
    }),
    back: (at: { readonly x: number; readonly y: number }) => ({
      asr: x[0] + ((at.x - frame.left) / across) * (x[1] - x[0]),
      score: y[0] + ((frame.bottom - at.y) / down) * (y[1] - y[0]),
    }),
  };
}

/** From a point to its label. */
function leader(a: { asr: number; score: number }, b: { asr: number; score: number }): unknown {
  const ends = { x1: () => a.asr, y1: () => a.score, x2: () => b.asr, y2: () => b.score };
  return link([0], { ...ends, stroke: "currentColor", strokeOpacity: 0.5 } as never);
}

function labelMark(
  { text: words, anchor, ...at }: PlacedLabel,
  back: ReturnType<typeof scales>["back"],
  limit: boolean,
): unknown {
  const colour = limit ? { fill: "var(--limit)" } : {};
  return text([back(at)], { x: "asr", y: "score", text: () => words, textAnchor: anchor, ...TEXT, ...colour } as never);
}
