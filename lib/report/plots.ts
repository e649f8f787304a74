// The report's figures: SVG as text, in the colours of the page, each with a title that says what it shows.

import { area, dot, line, plot, ruleY, text } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { nameOf } from "../select/select.js";
import type { ExperimentResults, Measured } from "./types.js";

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
}

export function figuresOf(results: ExperimentResults): Figure[] {
  return [curvesOf(results, "score"), curvesOf(results, "asr"), front(results)];
}

/** Colours that can be told apart on light and dark ground, also by most colour-blind people (Okabe and Ito, 2008). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a00"];

function groupOf({ method, parameters }: { method: string; parameters?: object | undefined }): string {
  const more = Object.entries(parameters ?? {}).map(([name, value]) => `${name} ${value}`);
  return more.length === 0 ? method : `${method} (${more.join(", ")})`;
}

/** In one order for all figures, so that a method has one colour. */
function groupsOf(candidates: ExperimentResults["validation"]["candidates"]): string[] {
  return [...new Set(candidates.map(groupOf))];
}

/** Of one number over lambda, for every method that has one. */
export function curvesOf(
  { validation, labels }: Pick<ExperimentResults, "validation" | "labels">,
  metric: "score" | "asr",
): Figure {
  const { aligned, tuned, candidates } = validation;
  const row = (method: string, lambda: number, of: Measured): Row => {
    const { value, low = value, high = value } = of[metric];
    return { method, lambda, value, low, high };
  };
  const swept = candidates.filter(({ lambda }) => lambda !== undefined);
  const methods = [...new Set(swept.map(groupOf))];
  const rows = methods.flatMap((method) => [
    row(method, 0, aligned),
    ...swept
      .filter((one) => groupOf(one) === method)
      .map((one) => row(method, one.lambda as number, one))
      .sort((a, b) => a.lambda - b.lambda),
    row(method, 1, tuned),
  ]);
  const flat = candidates
    .filter(({ lambda }) => lambda === undefined)
    .map((one) => ({ name: groupOf(one), value: one[metric].value }));
  const title = `${labels[metric]} over lambda`;
  const words = methods.map((method) => {
    const of = rows.filter((one) => one.method === method);
    return `${method}: ${of.map(({ lambda, value }) => `${value.toFixed(2)} at ${lambda}`).join(", ")}`;
  });
  return {
    id: `curve-${metric}`,
    caption: `${title} (validation data): means over seeds; bands are 95 % intervals over the items. Lambda 0 is the aligned model, 1 the fine-tuned one.`,
    alternative: `${title}. ${words.join(". ")}.${flat.map(({ name, value }) => ` ${name}, without a lambda: ${value.toFixed(2)}.`).join("")}`,
    svg: draw({
      title,
      x: { label: "lambda", domain: [0, 1] },
      y: { label: labels[metric], domain: [0, 1], grid: true },
      colours: groupsOf(candidates),
      marks: [
        area(rows, {
          x1: "lambda",
          x2: "lambda",
          y1: "low",
          y2: "high",
          z: "method",
          fill: "method",
          fillOpacity: 0.12,
        }),
        line(rows, { x: "lambda", y: "value", z: "method", stroke: "method" }),
        dot(rows, { x: "lambda", y: "value", stroke: "method", symbol: "method", r: 3 }),
        ruleY(flat, { y: "value", stroke: "currentColor", strokeDasharray: "4 3" }),
        text(flat, { x: 0, y: "value", text: "name", dy: -6, textAnchor: "start", fill: "currentColor" }),
      ],
    }),
  };
}

function front({ validation, selection, labels }: ExperimentResults): Figure {
  const points = validation.candidates.map((one) => ({
    method: groupOf(one),
    lambda: one.lambda === undefined ? "" : String(one.lambda),
    asr: one.asr.value,
    score: one.score.value,
  }));
  const line_ = selection.front.map((one) => ({ asr: one.asr.value, score: one.score.value }));
  const ends = [
    { name: "aligned", asr: validation.aligned.asr.value, score: validation.aligned.score.value },
    { name: "fine-tuned", asr: validation.tuned.asr.value, score: validation.tuned.score.value },
  ];
  const title = `${labels.score} against ${labels.asr}`;
  return {
    id: "front",
    caption: `${title} (validation data); the line joins merges that no other beats in both. Up and left is better. Numbers are lambdas.`,
    alternative: `${title}. On the front: ${selection.front.map((one) => `${nameOf(one)}, ${one.score.value.toFixed(2)} at ${one.asr.value.toFixed(2)}`).join("; ")}.`,
    svg: draw({
      title,
      x: { label: labels.asr, grid: true },
      y: { label: labels.score, domain: [0, 1], grid: true },
      colours: groupsOf(validation.candidates),
      marks: [
        line(line_, { x: "asr", y: "score", stroke: "currentColor", strokeOpacity: 0.4 }),
        dot(points, { x: "asr", y: "score", stroke: "method", symbol: "method", r: 4 }),
        text(points, { x: "asr", y: "score", text: "lambda", dy: -9, fill: "currentColor" }),
        dot(ends, { x: "asr", y: "score", fill: "currentColor", r: 3 }),
        text(ends, { x: "asr", y: "score", text: "name", dy: 12, fill: "currentColor" }),
      ],
    }),
  };
}

interface Drawing {
  readonly title: string;
  readonly x: object;
  readonly y: object;
  readonly colours: readonly string[];
  readonly marks: readonly unknown[];
}

function draw({ title, x, y, colours, marks }: Drawing): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const range = colours.map((_, at) => COLOURS[at % COLOURS.length] as string);
  const figure = plot({
    document,
    width: 640,
    height: 360,
    marginLeft: 48,
    marginTop: 28,
    style: { background: "none", color: "currentColor", fontSize: "12px" },
    x,
    y,
    color: { domain: colours, range, legend: false },
    symbol: { domain: colours, legend: false },
    marks,
  } as never) as unknown as { readonly outerHTML: string };
  const drawn = figure.outerHTML;
  const start = drawn.indexOf("<svg");
  const svg = drawn.slice(start, drawn.lastIndexOf("</svg>") + "</svg>".length);
  // the words stand beside it: for a reader of the page the picture is one thing with one name
  return svg.replace("<svg", `<svg role="img" aria-label="${escapeAttribute(title)}"`);
}

/** The key of a figure: method and colour, in the figures' order. */
export function keyOf({
  validation,
}: Pick<ExperimentResults, "validation">): { readonly method: string; readonly colour: string }[] {
  return groupsOf(validation.candidates).map((method, at) => ({
    method,
    colour: COLOURS[at % COLOURS.length] as string,
  }));
}

function escapeAttribute(value: string): string {
  return value.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
}
