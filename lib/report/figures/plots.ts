// The report's figures: SVG as text, in the colours of the page, each with a title that says what it shows.

import { dot, line, link, plot, ruleY, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { nameOf } from "../../select/select.js";
import type { Candidate } from "../../select/types.js";
import { validationData } from "../dataNames.js";
import { escapeHtml } from "../page/escape.js";
import { PALETTE_SIZE } from "../page/style.js";
import type { ExperimentResults, Measured } from "../types.js";

export interface Figure {
  readonly id: string;
  readonly caption: string;
  /** What it shows, in words. */
  readonly alternative: string;
  readonly svg: string;
}

interface Row {
  readonly method: string;
  readonly lambda: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** The fine-tuned model. */
  readonly tuned?: true;
}

export function figuresOf(results: ExperimentResults): Figure[] {
  const { candidate } = results.selection.overall;
  return [curvesOf(results, "score", candidate), curvesOf(results, "asr", candidate), front(results)];
}

/** The page's own colours, which differ by ground. */
function colourOf(at: number): string {
  return `var(--series-${at % PALETTE_SIZE})`;
}

function groupOf({ method, parameters }: { method: string; parameters?: object | undefined }): string {
  const more = Object.entries(parameters ?? {}).map(([name, value]) => `${name} ${value}`);
  return more.length === 0 ? method : `${method} (${more.join(", ")})`;
}

/** Whether lambda 1 is the fine-tuned model: DARE, TIES and their like leave entries of its difference out. */
function endsInTuned({ method, parameters }: Candidate): boolean {
  return parameters?.density === 1 || !/^(dare|ties|della|breadcrumbs)/.test(method);
}

/** In one order for all figures, so that a method has one colour. */
function groupsOf(candidates: ExperimentResults["validation"]["candidates"]): string[] {
  return [...new Set(candidates.map(groupOf))];
}

/** Of one number over lambda, for every method that has one. @param chosen is marked */
export function curvesOf(
  results: Pick<ExperimentResults, "validation" | "labels" | "parts">,
  metric: "score" | "asr",
  chosen?: Candidate | null,
): Figure {
  const { validation, labels } = results;
  const { aligned, tuned, candidates } = validation;
  const better = metric === "score" ? (validation.better ?? "high") : "low";
  const row = (method: string, lambda: number, of: Measured): Row => {
    const { value, low = value, high = value } = of[metric];
    return { method, lambda, value, low, high };
  };
  const swept = candidates.filter(({ lambda }) => lambda !== undefined);
  const methods = [...new Set(swept.map(groupOf))];
  const rowsOf = methods.map((method): Row[] =>
    [
      row(method, 0, aligned),
      ...swept.filter((one) => groupOf(one) === method).map((one) => row(method, one.lambda as number, one)),
      { ...row(method, 1, tuned), tuned: true as const },
    ].sort((a, b) => a.lambda - b.lambda),
  );
  const flat = candidates
    .filter(({ lambda }) => lambda === undefined)
    .map((one) => ({ name: groupOf(one), value: one[metric].value }));
  const title = `${labels[metric]} over lambda`;
  const words = methods.map((method, at) => {
    const points = (rowsOf[at] as Row[]).map(({ lambda, value }) => `${value.toFixed(2)} at ${lambda}`);
    return `${method}: ${points.join(", ")}`;
  });
  const lambdas = rowsOf.flat().map(({ lambda }) => lambda);
  // Curves lie on each other where methods agree: each is moved aside by some pixels, intervals and all.
  const dx = (at: number) => SHIFT * (at - (methods.length - 1) / 2);
  const place = chosen?.lambda === undefined ? -1 : methods.indexOf(groupOf(chosen));
  return {
    id: `curve-${metric}`,
    caption: `${title} (${validationData(results)}): means over seeds, with 95 % intervals of these tunings, over the items; ${better === "high" ? "higher" : "lower"} is better${methods.length > 1 ? "; methods are moved a little aside to be told apart" : ""}. Lambda 0 is the aligned model, 1 the fine-tuned one${methods.every((_, at) => joined(rowsOf[at] as Row[], swept) === rowsOf[at]) ? "" : "; a method that leaves entries out does not end in it, and is not joined to it"}.${place < 0 ? "" : " The ring marks the choice."}`,
    alternative: `${title}. ${words.join(". ")}.${flat.map(({ name, value }) => ` ${name}, without a lambda: ${value.toFixed(2)}.`).join("")}`,
    svg: draw({
      id: `curve-${metric}`,
      title,
      x: { label: "lambda", domain: [Math.min(0, ...lambdas), Math.max(1, ...lambdas)], labelOffset: 34 },
      y: {
        label: `${better === "high" ? "↑" : "↓"} better: ${labels[metric]}`,
        labelArrow: "none",
        domain: domainOf(
          rowsOf.flat().concat(flat.map(({ value }) => ({ method: "", lambda: 0, value, low: value, high: value }))),
        ),
        grid: true,
      },
      methods: groupsOf(candidates),
      marks: [
        ruleY(flat, { y: "value", stroke: "name", strokeWidth: 1.5, strokeDasharray: "5 3" }),
        ...rowsOf.flatMap((rows, at) => [
          link(rows, {
            ...{ x: "lambda", y1: "low", y2: "high", stroke: "method" },
            ...{ strokeOpacity: 0.55, strokeWidth: 1.5, dx: dx(at) },
          }),
          line(joined(rows, swept), { x: "lambda", y: "value", stroke: "method", strokeWidth: 1.5, dx: dx(at) }),
          dot(rows, {
            ...{ x: "lambda", y: "value", stroke: "method", symbol: "method", r: 3, dx: dx(at) },
            title: ({ method, lambda, value, low, high }: Row) =>
              `${method} at ${lambda}: ${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`,
          }),
        ]),
        text(flat, { frameAnchor: "right", y: "value", text: "name", dy: -8, textAnchor: "end", ...TEXT }),
        ...(place < 0 ? [] : [ring([[chosen?.lambda as number, chosen?.[metric].value as number]], dx(place))]),
      ],
    }),
  };
}

/** A curve without the fine-tuned model, where its method does not end there. */
function joined(rows: Row[], candidates: readonly Candidate[]): Row[] {
  const own = candidates.find((one) => groupOf(one) === rows[0]?.method);
  return own && !endsInTuned(own) ? rows.filter(({ tuned }) => !tuned) : rows;
}

/** 0 to 1 where numbers are shares; else as far as they reach, from 0. */
function domainOf(values: readonly { readonly low: number; readonly high: number }[]): [number, number] {
  const [least, most] = [Math.min(0, ...values.map(({ low }) => low)), Math.max(...values.map(({ high }) => high))];
  const rounding = 1e-9;
  return most <= 1 + rounding && least >= -rounding ? [0, 1] : [least, 1.05 * most];
}

/** Pixels between the same lambda of two methods. */
const SHIFT = 4;

/** Around what was chosen. */
function ring(points: readonly (readonly number[])[], dx = 0): unknown {
  return dot(points as never, { stroke: "currentColor", strokeWidth: 1.5, r: 8, dx });
}

function front(results: ExperimentResults): Figure {
  const { validation, selection, labels } = results;
  const { better = "high" } = validation;
  const points = validation.candidates.map((one) => {
    const { asr, score } = one;
    return {
      method: groupOf(one),
      name: nameOf(one),
      asr: asr.value,
      score: score.value,
      ...{ asrLow: asr.low ?? asr.value, asrHigh: asr.high ?? asr.value },
      ...{ scoreLow: score.low ?? score.value, scoreHigh: score.high ?? score.value },
    };
  });
  const best = selection.front.map((one) => ({
    asr: one.asr.value,
    score: one.score.value,
    lambda: one.lambda === undefined ? "" : String(one.lambda),
  }));
  const { aligned, tuned } = validation;
  const ends = [
    { name: "aligned", asr: aligned.asr.value, score: aligned.score.value },
    { name: "fine-tuned", asr: tuned.asr.value, score: tuned.score.value },
  ];
  const widest = Math.max(...points.map(({ asrHigh }) => asrHigh), ...ends.map(({ asr }) => asr));
  const top = domainOf([
    ...points.map(({ scoreLow: low, scoreHigh: high }) => ({ low, high })),
    ...ends.map(({ score }) => ({ low: score, high: score })),
  ]);
  const height = top[1] - top[0];
  const near = (a: Place, b: Place) =>
    Math.abs(a.asr - b.asr) < 0.02 * widest && Math.abs(a.score - b.score) < 0.02 * height;
  const named = best.filter((one) => !ends.some((end) => near(one, end)));
  const chosen = selection.overall.candidate;
  const title = `${labels.score} against ${labels.asr}`;
  const interval = { stroke: "method", strokeOpacity: 0.3 };
  return {
    id: "front",
    caption: `${title} (${validationData(results)}), with 95 % intervals of these tunings, over the items; the line joins merges that no other beats in both, its numbers are their lambdas. ${better === "high" ? "Up" : "Down"} and left is better.${chosen ? " The ring marks the choice." : ""}`,
    alternative: `${title}. On the front: ${selection.front.map((one) => `${nameOf(one)}, ${one.score.value.toFixed(2)} at ${one.asr.value.toFixed(2)}`).join("; ")}.`,
    svg: draw({
      id: "front",
      title,
      x: {
        label: `← better: ${labels.asr}`,
        labelArrow: "none",
        grid: true,
        domain: [0, Math.min(1, Math.max(0.1, 1.05 * widest))],
        labelOffset: 34,
      },
      y: {
        label: `${better === "high" ? "↑" : "↓"} better: ${labels.score}`,
        labelArrow: "none",
        domain: top,
        grid: true,
      },
      methods: groupsOf(validation.candidates),
      marks: [
        link(points, { x1: "asrLow", x2: "asrHigh", y: "score", ...interval }),
        link(points, { x: "asr", y1: "scoreLow", y2: "scoreHigh", ...interval }),
        line(best, { x: "asr", y: "score", stroke: "currentColor", strokeOpacity: 0.5 }),
        dot(points, {
          ...{ x: "asr", y: "score", stroke: "method", symbol: "method", r: 4, strokeWidth: 1.5 },
          title: ({ name, score, asr }: (typeof points)[number]) => `${name}: ${score.toFixed(3)} at ${asr.toFixed(3)}`,
        }),
        // off the axis where they are close to it
        text(
          named.filter(({ score }) => score >= top[0] + 0.1 * height),
          { ...LAMBDA, dy: 12 },
        ),
        text(
          named.filter(({ score }) => score < top[0] + 0.1 * height),
          { ...LAMBDA, dy: -8 },
        ),
        dot(ends, { x: "asr", y: "score", fill: "currentColor", r: 3.5 }),
        text(ends.slice(0, 1), { ...END, dx: 4, dy: -24, textAnchor: "start" }),
        text(ends.slice(1), { ...END, dy: 16, textAnchor: "end" }),
        ...(chosen ? [ring([[chosen.asr.value, chosen.score.value]])] : []),
      ],
    }),
  };
}

interface Place {
  readonly asr: number;
  readonly score: number;
}

/** Text that stays readable where lines pass behind it. */
const TEXT = { fill: "currentColor", stroke: "var(--ground)", strokeWidth: 3 };
const LAMBDA = { x: "asr", y: "score", text: "lambda", dx: 8, textAnchor: "start", ...TEXT } as const;
const END = { x: "asr", y: "score", text: "name", ...TEXT };

interface Drawing {
  readonly id: string;
  readonly title: string;
  readonly x: object;
  readonly y: object;
  /** In the order of their colours and symbols. */
  readonly methods: readonly string[];
  readonly marks: readonly unknown[];
}

function draw({ id, title, x, y, methods, marks }: Drawing): string {
  // small enough to be read on a phone, where it is as wide as the page
  const svg = drawn({ width: 440, height: 330, marginLeft: 44, marginTop: 28, marginBottom: 44, x, y }, methods, marks);
  // the words stand beside it: for a reader of the page the picture is one thing with one name
  return svg.replace(
    /<svg([^>]*)>/,
    (_, more: string) =>
      `<svg role="img" aria-labelledby="${id}-title"${more}><title id="${id}-title">${escapeHtml(title)}</title>`,
  );
}

function drawn(settings: object, methods: readonly string[], marks: readonly unknown[]): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const figure = plot({
    document,
    style: { background: "none", color: "currentColor", fontSize: "12px" },
    color: { type: "ordinal", domain: methods, range: methods.map((_, at) => colourOf(at)), legend: false },
    symbol: { domain: methods, legend: false },
    marks,
    ...settings,
  } as never) as unknown as { readonly outerHTML: string };
  const all = figure.outerHTML;
  return all.slice(all.indexOf("<svg"), all.lastIndexOf("</svg>") + "</svg>".length);
}

/** The key of the figures: each method with its mark. */
export function keyOf({
  validation,
}: Pick<ExperimentResults, "validation">): { readonly method: string; readonly svg: string }[] {
  const methods = groupsOf(validation.candidates);
  const settings = { width: 20, height: 16, margin: 0, axis: null, x: { domain: [-1, 1] }, y: { domain: [-1, 1] } };
  return methods.map((method) => {
    const mark = dot([{ method }], { x: 0, y: 0, stroke: "method", symbol: "method", r: 5, strokeWidth: 2 } as never);
    return { method, svg: drawn(settings, methods, [mark]).replace("<svg", '<svg aria-hidden="true"') };
  });
}
