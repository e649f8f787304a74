// One number over lambda for every method, or over another parameter: what chose, what it may be, and what the data that confirm say.

import { dot, line, link, ruleY, text } from "@observablehq/plot";
import { candidateId, nameOf } from "../../select/names.js";
import type { Candidate, Quantity } from "../../select/types.js";
import { fixed } from "../numbers.js";
import type { ExperimentResults, Measured, MeasuredCandidate } from "../types.js";
import { CONTROL, domainOf, draw, FLAT, TEXT } from "./draw.js";
import type { Figure } from "./figure.js";
import { type CurvePoint, HEIGHT, INSET, limitMarks, WIDTH } from "./limitMarks.js";
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

interface Row extends CurvePoint {
  readonly method: string;
  /** The fine-tuned model. */
  readonly tuned?: true | undefined;
}

/** Of each number a figure over lambda, then one over each parameter that a series varies; of numbers that were measured. */
export function curvesOf(source: CurveSource, metrics: readonly CurveMetric[]): Figure[] {
  const all = source.validation.candidates.map(({ varied }) => varied?.parameter);
  const axes =
    all.length === 0
      ? [undefined]
      : [...new Set(all)].sort((a, b) => Number(a !== undefined) - Number(b !== undefined));
  return axes.flatMap((parameter) => metrics.flatMap((metric) => curveOf(source, metric, parameter) ?? []));
}

/** @param parameter that is varied; undefined: lambda */
function curveOf(source: CurveSource, metric: CurveMetric, parameter: string | undefined): Figure | undefined {
  const { validation, selection } = source;
  const { aligned, tuned } = validation;
  const { label: name, higher, of, ...shown } = shownBy(source, metric);
  if (of(aligned) === undefined) return undefined;
  const candidates = validation.candidates.filter(
    (one) => one.varied?.parameter === parameter && isMeasured(one) && of(one) !== undefined,
  );
  const series = seriesNames(validation.candidates);
  const swept = candidates.filter((one) => placeOf(one) !== undefined);
  const methods = series.filter((name) => swept.some((one) => seriesName(one) === name));
  const curves = methods.map((method): Row[] =>
    [
      ...(parameter === undefined ? [rowOf(method, 0, of(aligned))] : []),
      ...swept.filter((one) => seriesName(one) === method).map((one) => rowOf(method, placeOf(one) ?? 0, of(one))),
      ...(parameter === undefined && tuned && of(tuned)
        ? [{ ...rowOf(method, 1, of(tuned)), tuned: true as const }]
        : []),
    ].sort((a, b) => a.at - b.at),
  );
  const beside =
    parameter === undefined
      ? []
      : [
          { name: "aligned", value: of(aligned)?.value ?? 0 },
          ...(tuned && of(tuned) ? [{ name: "fine-tuned", value: of(tuned)?.value ?? 0 }] : []),
        ];
  const flat = candidates
    .filter((one) => placeOf(one) === undefined)
    .map((one) => ({ method: seriesName(one), value: of(one)?.value ?? 0 }));
  const controls = (parameter === undefined ? (source.controls?.curves ?? []) : []).map(({ name, points }) =>
    controlRows(name, points.filter(isMeasured), of),
  );
  const tested = testedRows(source, metric, methods);
  const limit =
    metric === "asr" && selection?.rule?.rule === "constrained" ? aligned.asr.value + selection.rule.margin : undefined;
  const all = [...curves.flat(), ...controls.flat(), ...tested.map(({ row }) => row)];
  const ends = [...all, ...[...flat, ...beside].map(({ value }) => ({ low: value, high: value }))];
  const domain = domainOf(limit === undefined ? ends : [...ends, { low: limit, high: limit }]);
  const id = `curve-${shown.id}${parameter === undefined ? "" : `-${parameter}`}`;
  const axis = parameter ?? "lambda";
  // curves lie on each other where methods agree: each is moved aside by some pixels, intervals and all
  const dx = (at: number) => SHIFT * (at - (methods.length - 1) / 2);
  const choice = selection?.overall.candidate;
  const chosen = choice && candidates.find((one) => candidateId(one) === candidateId(choice));
  const place = chosen && placeOf(chosen) !== undefined ? methods.indexOf(seriesName(chosen)) : -1;
  const joins = methods.every((_, at) => joined(curves[at] ?? [], swept) === curves[at]);
  const places = all.map(({ at }) => at);
  const x = parameter === undefined ? ([Math.min(0, ...places), Math.max(1, ...places)] as const) : spanOf(places);
  return {
    id,
    title: `${name} over ${axis}`,
    axes: higher ? "↑ higher is better" : "↓ lower is better",
    caption: [
      `${swept.every((one) => (of(one)?.seeds?.length ?? 0) <= 1) ? "With 95 % intervals of this tuning" : "Means over seeds with 95 % intervals of these tunings"}, over the items. ${parameter === undefined ? "Lambda 0 is the aligned model, 1 the fine-tuned one." : `The safe end is where ${parameter} is ${swept[0]?.varied?.safer === "larger" ? "largest" : "smallest"}.`}`,
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
      ...methods.map((method, at) => `${method}: ${(curves[at] ?? []).map(atPlace).join(", ")}.`),
      ...flat.map(({ method, value }) => `${method}, without a lambda: ${value.toFixed(2)}.`),
      ...beside.map((one) => `The ${one.name} model: ${one.value.toFixed(2)}.`),
      ...controls.map((rows) => `Control ${rows[0]?.method}: ${rows.map(atPlace).join(", ")}.`),
      ...(limit === undefined ? [] : [`Allowed at most: ${limit.toFixed(2)}.`]),
      ...tested.map(({ name: of, row }) => `${of} on the data that confirm: ${row.value.toFixed(2)}.`),
    ].join(" "),
    svg: draw({
      ...{ id, title: `${name} over ${axis}`, width: WIDTH, height: HEIGHT, series },
      x: { label: axis, labelArrow: "none", labelAnchor: "center", domain: x, labelOffset: 32, inset: INSET },
      y: { label: null, domain, grid: true, ticks: 6 },
      marks: [
        ...(limit === undefined ? [] : limitMarks(limit, x, domain, [...curves, ...controls])),
        ...besideMarks(beside),
        ruleY(flat, { y: "value", stroke: "method", ...FLAT } as never),
        ...controls.flatMap((rows) => [
          line(rows, { x: "at", y: "value", stroke: "var(--soft)", ...CONTROL } as never),
          dot(rows, { x: "at", y: "value", fill: "var(--soft)", r: 2, title: titleOf } as never),
        ]),
        ...curves.flatMap((rows, at) => [
          link(rows, {
            ...{ x: "at", y1: "low", y2: "high", stroke: "method" },
            ...{ strokeOpacity: 0.45, strokeWidth: 1.5, dx: dx(at) },
          } as never),
          line(joined(rows, swept), { x: "at", y: "value", stroke: "method", strokeWidth: 1.75, dx: dx(at) }),
          dot(rows, {
            ...{ x: "at", y: "value", stroke: "method", symbol: "method", r: 3, dx: dx(at) },
            ...{ fill: "var(--ground)", title: titleOf },
          } as never),
        ]),
        ...tested.flatMap(({ at, row }) => [
          link([row], {
            ...{ x: "at", y1: "low", y2: "high", stroke: "method", strokeWidth: 2.5 },
            dx: dx(at) + ASIDE,
          } as never),
          dot([row], {
            ...{ x: "at", y: "value", fill: "method", symbol: "diamond", r: 5, dx: dx(at) + ASIDE },
            ...{ stroke: "var(--ground)", strokeWidth: 1, title: titleOf },
          } as never),
        ]),
        ...(place < 0 || !chosen
          ? []
          : [
              dot([[placeOf(chosen), of(chosen)?.value]] as never, {
                ...{ stroke: "currentColor", strokeWidth: 1.5, r: 8, dx: dx(place) },
              }),
            ]),
      ],
    }),
  };
}

/** Where a merge stands in its figure: at its lambda, or at what its series varies. */
function placeOf({ lambda, parameters, varied }: Candidate): number | undefined {
  return varied ? Number(parameters?.[varied.parameter]) : lambda;
}

/** From the first to the last of some places. */
function spanOf(places: readonly number[]): readonly [number, number] {
  const [least, most] = [Math.min(...places), Math.max(...places)];
  return least === most ? [least - 0.5, most + 0.5] : [least, most];
}

/** Models that are at no value of a parameter. */
function besideMarks(models: readonly { readonly name: string; readonly value: number }[]): unknown[] {
  return [
    ruleY(models, { y: "value", stroke: "var(--soft)", ...FLAT } as never),
    text(models, {
      ...{ y: "value", text: "name", frameAnchor: "right", textAnchor: "end", dx: -4, dy: -7 },
      ...{ ...TEXT, fill: "var(--soft)" },
    } as never),
  ];
}

function rowOf(method: string, at: number, of: Quantity | undefined): Row {
  const value = of?.value ?? 0;
  return { method, at, value, low: of?.low ?? value, high: of?.high ?? value };
}

function controlRows(name: string, points: readonly MeasuredCandidate[], of: Shown["of"]): Row[] {
  return points
    .flatMap((one) => (one.lambda === undefined || !of(one) ? [] : [rowOf(name, one.lambda, of(one))]))
    .sort((a, b) => a.at - b.at);
}

/** Each method's choice on the data that confirm, where the number is the same one there. */
function testedRows(source: CurveSource, metric: CurveMetric, methods: string[]) {
  const { test, labels, testLabels = labels } = source;
  const { of } = shownBy(source, metric);
  if ((metric === "score" || metric === "asr") && testLabels[metric] !== labels[metric]) return [];
  return (test?.chosen ?? []).flatMap((one) => {
    const at = methods.indexOf(seriesName(one));
    const place = placeOf(one);
    const found = of(one);
    return at < 0 || place === undefined || !found
      ? []
      : [{ at, name: nameOf(one), row: rowOf(seriesName(one), place, found) }];
  });
}

function titleOf({ method, at, value, low, high }: Row): string {
  return `${method} at ${at}: ${fixed(value)} (${fixed(low)} to ${fixed(high)})`;
}

function atPlace({ at, value }: Row): string {
  return `${value.toFixed(2)} at ${at}`;
}

/** A curve without the fine-tuned model, where its method does not end there. */
function joined(rows: Row[], candidates: readonly Candidate[]): Row[] {
  const own = candidates.find((one) => seriesName(one) === rows[0]?.method);
  return own && !endsInTuned(own) ? rows.filter(({ tuned }) => !tuned) : rows;
}

/** Pixels between the same place of two methods. */
const SHIFT = 5;
/** Pixels from what chose to what confirms. */
const ASIDE = 6;
