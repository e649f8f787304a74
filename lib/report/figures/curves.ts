// One number over lambda for every method: what chose, what it may be, and what the data that confirm say.

import { dot, line, link, ruleY, text } from "@observablehq/plot";
import { candidateId, nameOf } from "../../select/names.js";
import type { Candidate, Quantity } from "../../select/types.js";
import { fixed } from "../numbers.js";
import type { ExperimentResults, Measured, MeasuredCandidate } from "../types.js";
import { CONTROL, domainOf, draw, FLAT, MARGIN, TEXT } from "./draw.js";
import type { Figure } from "./figure.js";
import { freestPlace, type PlacedLabel } from "./placeLabels.js";
import { endsInTuned, isMeasured, seriesName, seriesNames } from "./series.js";
import { type CurveMetric, type Shown, shownBy } from "./shownBy.js";

/** Of a run that has ended, or as far as one is. */
export interface CurveSource extends Pick<ExperimentResults, "labels" | "testLabels" | "controls"> {
  readonly validation: Pick<ExperimentResults["validation"], "better" | "aligned" | "candidates"> & {
    readonly tuned?: Measured | undefined;
  };
  /** The choice is marked; with a rule that has a margin, what it allows is drawn. */
  readonly selection?:
    | (Pick<ExperimentResults["selection"], "overall"> & Partial<Pick<ExperimentResults["selection"], "rule">>)
    | undefined;
  readonly test?: Pick<ExperimentResults["test"], "chosen"> | undefined;
}

interface Row {
  readonly method: string;
  readonly lambda: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** The fine-tuned model. */
  readonly tuned?: true | undefined;
}

/** undefined where the number was not measured. */
export function curveOf(source: CurveSource, metric: CurveMetric): Figure | undefined {
  const { validation, selection } = source;
  const { aligned, tuned } = validation;
  const { label: name, higher, of, ...shown } = shownBy(source, metric);
  if (of(aligned) === undefined) return undefined;
  const candidates = validation.candidates.filter((one) => isMeasured(one) && of(one) !== undefined);
  const series = seriesNames(validation.candidates);
  const swept = candidates.filter(({ lambda }) => lambda !== undefined);
  const methods = series.filter((name) => swept.some((one) => seriesName(one) === name));
  const curves = methods.map((method): Row[] =>
    [
      rowOf(method, 0, of(aligned)),
      ...swept.filter((one) => seriesName(one) === method).map((one) => rowOf(method, one.lambda ?? 0, of(one))),
      ...(tuned && of(tuned) ? [{ ...rowOf(method, 1, of(tuned)), tuned: true as const }] : []),
    ].sort((a, b) => a.lambda - b.lambda),
  );
  const flat = candidates
    .filter(({ lambda }) => lambda === undefined)
    .map((one) => ({ method: seriesName(one), value: of(one)?.value ?? 0 }));
  const controls = (source.controls?.curves ?? []).map(({ name, points }) =>
    controlRows(name, points.filter(isMeasured), of),
  );
  const tested = testedRows(source, metric, methods);
  const limit =
    metric === "asr" && selection?.rule?.rule === "constrained" ? aligned.asr.value + selection.rule.margin : undefined;
  const all = [...curves.flat(), ...controls.flat(), ...tested.map(({ row }) => row)];
  const ends = [...all, ...flat.map(({ value }) => ({ low: value, high: value }))];
  const domain = domainOf(limit === undefined ? ends : [...ends, { low: limit, high: limit }]);
  const id = `curve-${shown.id}`;
  // curves lie on each other where methods agree: each is moved aside by some pixels, intervals and all
  const dx = (at: number) => SHIFT * (at - (methods.length - 1) / 2);
  const choice = selection?.overall.candidate;
  const chosen = choice && candidates.find((one) => candidateId(one) === candidateId(choice));
  const place = chosen?.lambda === undefined ? -1 : methods.indexOf(seriesName(chosen));
  const joins = methods.every((_, at) => joined(curves[at] ?? [], swept) === curves[at]);
  const lambdas = all.map(({ lambda }) => lambda);
  const x = [Math.min(0, ...lambdas), Math.max(1, ...lambdas)] as const;
  return {
    id,
    title: `${name} over lambda`,
    axes: higher ? "↑ higher is better" : "↓ lower is better",
    caption: [
      `${swept.every((one) => (of(one)?.seeds?.length ?? 0) <= 1) ? "With 95 % intervals of this tuning" : "Means over seeds with 95 % intervals of these tunings"}, over the items. Lambda 0 is the aligned model, 1 the fine-tuned one.`,
      ...(methods.length > 1 ? ["Methods are moved a little aside to be told apart."] : []),
      ...(joins
        ? []
        : ["A method that leaves entries out does not end in the fine-tuned model, and is not joined to it."]),
      ...(limit === undefined
        ? []
        : [
            `The line is what is allowed: the aligned model's ${fixed(aligned.asr.value)} + the margin ${selection?.rule?.margin}.`,
          ]),
    ].join(" "),
    alternative: [
      ...methods.map((method, at) => `${method}: ${(curves[at] ?? []).map(atLambda).join(", ")}.`),
      ...flat.map(({ method, value }) => `${method}, without a lambda: ${value.toFixed(2)}.`),
      ...controls.map((rows) => `Control ${rows[0]?.method}: ${rows.map(atLambda).join(", ")}.`),
      ...(limit === undefined ? [] : [`Allowed at most: ${limit.toFixed(2)}.`]),
      ...tested.map(({ name: of, row }) => `${of} on the data that confirm: ${row.value.toFixed(2)}.`),
    ].join(" "),
    svg: draw({
      ...{ id, title: `${name} over lambda`, width: WIDTH, height: HEIGHT, series },
      x: { label: "lambda", labelArrow: "none", labelAnchor: "center", domain: x, labelOffset: 32, inset: INSET },
      y: { label: null, domain, grid: true, ticks: 6 },
      marks: [
        ...(limit === undefined ? [] : limitMarks(limit, x, domain, [...curves, ...controls])),
        ruleY(flat, { y: "value", stroke: "method", ...FLAT } as never),
        ...controls.flatMap((rows) => [
          line(rows, { x: "lambda", y: "value", stroke: "var(--soft)", ...CONTROL } as never),
          dot(rows, { x: "lambda", y: "value", fill: "var(--soft)", r: 2, title: titleOf } as never),
        ]),
        ...curves.flatMap((rows, at) => [
          link(rows, {
            ...{ x: "lambda", y1: "low", y2: "high", stroke: "method" },
            ...{ strokeOpacity: 0.45, strokeWidth: 1.5, dx: dx(at) },
          } as never),
          line(joined(rows, swept), { x: "lambda", y: "value", stroke: "method", strokeWidth: 1.75, dx: dx(at) }),
          dot(rows, {
            ...{ x: "lambda", y: "value", stroke: "method", symbol: "method", r: 3, dx: dx(at) },
            ...{ fill: "var(--ground)", title: titleOf },
          } as never),
        ]),
        ...tested.flatMap(({ at, row }) => [
          link([row], {
            ...{ x: "lambda", y1: "low", y2: "high", stroke: "method", strokeWidth: 2.5 },
            dx: dx(at) + ASIDE,
          } as never),
          dot([row], {
            ...{ x: "lambda", y: "value", fill: "method", symbol: "diamond", r: 5, dx: dx(at) + ASIDE },
            ...{ stroke: "var(--ground)", strokeWidth: 1, title: titleOf },
          } as never),
        ]),
        ...(place < 0 || !chosen
          ? []
          : [
              dot([[chosen.lambda, of(chosen)?.value]] as never, {
                ...{ stroke: "currentColor", strokeWidth: 1.5, r: 8, dx: dx(place) },
              }),
            ]),
      ],
    }),
  };
}

function rowOf(method: string, lambda: number, of: Quantity | undefined): Row {
  const value = of?.value ?? 0;
  return { method, lambda, value, low: of?.low ?? value, high: of?.high ?? value };
}

function controlRows(name: string, points: readonly MeasuredCandidate[], of: Shown["of"]): Row[] {
  return points
    .flatMap((one) => (one.lambda === undefined || !of(one) ? [] : [rowOf(name, one.lambda, of(one))]))
    .sort((a, b) => a.lambda - b.lambda);
}

/** Each method's choice on the data that confirm, where the number is the same one there. */
function testedRows(source: CurveSource, metric: CurveMetric, methods: string[]) {
  const { test, labels, testLabels = labels } = source;
  const { of } = shownBy(source, metric);
  if ((metric === "score" || metric === "asr") && testLabels[metric] !== labels[metric]) return [];
  return (test?.chosen ?? []).flatMap((one) => {
    const at = methods.indexOf(seriesName(one));
    const { lambda } = one;
    const found = of(one);
    return at < 0 || lambda === undefined || !found
      ? []
      : [{ at, name: nameOf(one), row: rowOf(seriesName(one), lambda, found) }];
  });
}

/** The line, and its name where it covers least. */
function limitMarks(
  limit: number,
  x: readonly [number, number],
  y: readonly [number, number],
  rows: readonly Row[][],
): unknown[] {
  const frame = { left: MARGIN.left, right: WIDTH - MARGIN.right, top: MARGIN.top, bottom: HEIGHT - MARGIN.bottom };
  const pixels = (lambda: number, value: number) => ({
    x: frame.left + INSET + ((frame.right - frame.left - 2 * INSET) * (lambda - x[0])) / (x[1] - x[0]),
    y: frame.bottom - ((frame.bottom - frame.top) * (value - y[0])) / (y[1] - y[0]),
  });
  const marks = rows.flatMap((all) =>
    all.flatMap((row, at) => {
      const next = all[at + 1] ?? row;
      const along = Array.from({ length: 8 }, (_, step) => {
        const share = step / 8;
        const [lambda, value] = [
          row.lambda + share * (next.lambda - row.lambda),
          row.value + share * (next.value - row.value),
        ];
        return pixels(lambda, value);
      });
      return [...along, pixels(row.lambda, row.low), pixels(row.lambda, row.high)];
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

/** Pixels of the picture, and from its frame to the first and last lambda. */
const [WIDTH, HEIGHT, INSET] = [420, 266, 8] as const;

function titleOf({ method, lambda, value, low, high }: Row): string {
  return `${method} at ${lambda}: ${fixed(value)} (${fixed(low)} to ${fixed(high)})`;
}

function atLambda({ lambda, value }: Row): string {
  return `${value.toFixed(2)} at ${lambda}`;
}

/** A curve without the fine-tuned model, where its method does not end there. */
function joined(rows: Row[], candidates: readonly Candidate[]): Row[] {
  const own = candidates.find((one) => seriesName(one) === rows[0]?.method);
  return own && !endsInTuned(own) ? rows.filter(({ tuned }) => !tuned) : rows;
}

/** Pixels between the same lambda of two methods. */
const SHIFT = 5;
/** Pixels from what chose to what confirms. */
const ASIDE = 6;
