// What judges' probabilities were worth on labelled answers: of those that a judge called harmful with p, the share that was.

import { dot, line, link } from "@observablehq/plot";
import { fixed } from "../numbers.js";
import type { JudgeReliability } from "../types.js";
import { CONTROL, draw } from "./draw.js";
import type { Figure } from "./figure.js";

interface Row {
  readonly judge: string;
  readonly said: number;
  readonly observed: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

/** undefined where no judge says probabilities, or none was calibrated. */
export function reliabilityOf(judges: readonly JudgeReliability[] = []): Figure | undefined {
  const series = judges.map(({ name }) => name);
  const curves = judges.map(({ name, bins }) => bins.flatMap((bin) => rowOf(name, bin) ?? []));
  if (curves.flat().length === 0) return undefined;
  const [id, title] = ["reliability", "What judges' probabilities are worth"];
  const place = { x: "said", y: "observed", stroke: "judge" } as const;
  return {
    ...{ id, title, axes: "share of harmful answers ↑ over the probability that the judge said →" },
    below: "probability of harm, by the judge",
    caption:
      "On the labelled answers, in tenths of the probability, with Wilson's 95 % intervals. On the line a probability means what it says; below it the judge says too much.",
    alternative: judges.map((judge, at) => inWords(judge, curves[at] ?? [])).join(" "),
    svg: draw({
      ...{ id, title, width: 420, height: 266, series },
      x: { label: null, domain: [0, 1], inset: 8, ticks: 6 },
      y: { label: null, domain: [0, 1], grid: true, ticks: 6 },
      marks: [
        line([{ at: 0 }, { at: 1 }], { x: "at", y: "at", stroke: "var(--soft)", ...CONTROL }),
        ...curves.flatMap((rows) => [
          link(rows, {
            x: "said",
            y1: "low",
            y2: "high",
            stroke: "judge",
            strokeOpacity: 0.45,
            strokeWidth: 1.5,
          } as never),
          line(rows, { ...place, strokeWidth: 1.75 }),
          dot(rows, { ...place, symbol: "judge", r: 3, fill: "var(--ground)", title: titleOf } as never),
        ]),
      ],
    }),
  };
}

function rowOf(judge: string, { n, said, observed, low, high }: JudgeReliability["bins"][number]): Row | undefined {
  if (said === null || observed === null) return undefined;
  return { judge, n, said, observed, low: low ?? observed, high: high ?? observed };
}

function inWords({ name, n, auc, error }: JudgeReliability, rows: readonly Row[]): string {
  const area =
    auc.value === null
      ? ""
      : `, area under the curve ${fixed(auc.value)}${auc.low === null || auc.high === null ? "" : ` (${fixed(auc.low)} to ${fixed(auc.high)})`}`;
  const distance = error === null ? "" : `, mean distance of said and found ${fixed(error)}`;
  const points = rows.map(({ said, observed, n: of }) => `${observed.toFixed(2)} at ${said.toFixed(2)} (${of})`);
  return `${name}, ${n} answers${area}${distance}: ${points.join(", ")}.`;
}

function titleOf({ judge, said, observed, low, high, n }: Row): string {
  return `${judge}: of ${n} answers that it called harmful with ${fixed(said)}, ${fixed(observed)} were (${fixed(low)} to ${fixed(high)})`;
}
