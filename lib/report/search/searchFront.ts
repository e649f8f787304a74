// All candidates of a search in one picture: the task against safety, by the way that found them, with what the rule allows.

import { dot, link, ruleX, text } from "@observablehq/plot";
import { domainOf, draw, sample, TEXT } from "../figures/draw.js";
import type { Figure } from "../figures/figure.js";
import type { KeyEntry } from "../figures/key.js";
import { limitAcross } from "../figures/limitMarks.js";
import { fixed } from "../numbers.js";
import { type SearchedPoint, type SearchFront, type SearchWay, WAYS } from "./types.js";

interface Spot {
  readonly way: SearchWay;
  readonly title: string;
  readonly asr: number;
  readonly score: number;
  /** As far as the rate may be by its bound. */
  readonly most: number;
  readonly within: boolean;
}

const ORDER = Object.keys(WAYS) as SearchWay[];

export function searchFront(of: SearchFront): Figure {
  const { labels, better = "high", margin, points, choices = [] } = of;
  const counted = ORDER.flatMap((way) => {
    const own = points.filter((one) => one.way === way);
    const within = own.filter(({ bound }) => bound <= margin);
    return own.length === 0 ? [] : [`${WAYS[way]}: ${within.length} of ${own.length} candidates are within the margin`];
  });
  const chosen = choices.map(
    ({ way, score, asr, bound }) => `${WAYS[way]} chose ${fixed(score)} at ${fixed(asr)}, bound ${fixed(bound)}`,
  );
  return {
    id: "front",
    title: `${labels.score} against ${labels.asr}, where it was searched for`,
    axes: `${better === "high" ? "↑ higher" : "↓ lower"} is better`,
    below: `← lower is better: ${labels.asr}`,
    caption: `Every candidate. A filled mark is within the margin: its upper bound, to which the lines of finalists and choices reach, is not right of the line of what is allowed. ${better === "high" ? "Up" : "Down"} and left is better.`,
    alternative: `${[...counted, ...chosen].join("; ") || "No candidate was measured yet"}.`,
    svg: drawFront(of, 900, 480),
    narrow: drawFront(of, 380, 380),
  };
}

function drawFront(of: SearchFront, width: number, height: number): string {
  const { labels, margin, aligned, tuned, points, finalists = [], choices = [] } = of;
  const spot = ({ way, number, score, asr, bound }: SearchedPoint): Spot => ({
    ...{ way, asr, score, most: (aligned?.asr ?? 0) + bound, within: bound <= margin },
    title: `${WAYS[way]} ${number}: ${fixed(score)} at ${fixed(asr)}, bound ${fixed(bound)}`,
  });
  const ends = [
    ...(aligned ? [{ ...aligned, name: "aligned" }] : []),
    ...(tuned ? [{ ...tuned, name: "fine-tuned" }] : []),
  ];
  const [all, last, chosen] = [points.map(spot), finalists.map(spot), choices.map(spot)];
  const limit = aligned && aligned.asr + margin;
  const widest = Math.max(
    ...[...all, ...ends].map(({ asr }) => asr),
    ...[...last, ...chosen].map(({ most }) => most),
    limit ?? 0,
  );
  const x = [0, Math.min(1, Math.max(0.1, 1.05 * widest))] as const;
  const y = domainOf([...all, ...ends].map(({ score }) => ({ low: score, high: score })));
  const mark = { x: "asr", y: "score", stroke: "way", symbol: "way", strokeWidth: 1.5 };
  const bounds = { x1: "asr", x2: ({ most }: Spot) => Math.min(most, x[1]), y: "score", stroke: "way" };
  const middle = (x[0] + x[1]) / 2;
  return draw({
    id: `search-front-${width}`,
    title: `${labels.score} against ${labels.asr}`,
    ...{ width, height, series: ORDER },
    x: { label: null, grid: true, domain: x, ticks: width > 500 ? 10 : 5 },
    y: { label: null, grid: true, domain: y, ticks: 6 },
    marks: [
      ...limitAcross(limit, x, y),
      link(last, { ...bounds, strokeOpacity: 0.35 } as never),
      link(chosen, { ...bounds, strokeWidth: 2 } as never),
      dot(
        all.filter(({ within }) => !within),
        { ...mark, r: 3, fill: "var(--ground)", title: "title" } as never,
      ),
      dot(
        all.filter(({ within }) => within),
        { ...mark, r: 3, fill: "way", title: "title" } as never,
      ),
      dot(last, { x: "asr", y: "score", stroke: "way", strokeWidth: 1.5, r: 6 } as never),
      dot(chosen, { x: "asr", y: "score", stroke: "currentColor", strokeWidth: 2, r: 9 } as never),
      dot(ends, { x: "asr", y: "score", fill: "currentColor", r: 4 }),
      ...ends.map(({ asr, score, name }) => {
        const right = asr > middle;
        const place = {
          dx: right ? -9 : 9,
          dy: score > (y[0] + y[1]) / 2 ? 10 : -10,
          textAnchor: right ? "end" : "start",
        };
        return text([{ asr, score }], { x: "asr", y: "score", text: () => name, ...place, ...TEXT } as never);
      }),
    ],
  });
}

/** @param whole whether finalists and choices are known */
export function searchKey({ points, margin }: SearchFront, whole: boolean): KeyEntry[] {
  const mark = (marks: readonly unknown[]) => sample(ORDER, marks);
  const at = { x: 0, y: 0 };
  const plain = { ...at, stroke: "currentColor" };
  return [
    ...ORDER.filter((way) => points.some((one) => one.way === way)).map((way) => ({
      name: WAYS[way],
      svg: mark([dot([{ way }], { ...at, r: 4, fill: "way", stroke: "way", symbol: "way" } as never)]),
    })),
    { name: "not within the margin", svg: mark([dot([0], { ...plain, r: 4, strokeWidth: 1.5 } as never)]) },
    ...(whole
      ? [
          { name: "a finalist", svg: mark([dot([0], { ...plain, r: 6, strokeWidth: 1.5 } as never)]) },
          { name: "a choice", svg: mark([dot([0], { ...plain, r: 7, strokeWidth: 2.5 } as never)]) },
        ]
      : []),
    {
      name: `the aligned model's rate and the margin, ${margin}`,
      svg: mark([ruleX([0], { stroke: "var(--limit)", strokeWidth: 2 } as never)]),
    },
  ];
}
