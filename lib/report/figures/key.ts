// The key of the figures: each method with its mark, and what the other marks mean.

import { dot, ruleX, ruleY } from "@observablehq/plot";
import type { ExperimentResults } from "../types.js";
import { CONTROL, FLAT, sample } from "./draw.js";
import { seriesName, seriesNames } from "./series.js";

export interface KeyEntry {
  readonly name: string;
  readonly svg: string;
}

type Keyed = Pick<ExperimentResults, "validation" | "controls"> & {
  readonly selection?:
    | (Pick<ExperimentResults["selection"], "overall"> & Partial<Pick<ExperimentResults["selection"], "rule">>)
    | undefined;
  readonly test?: Pick<ExperimentResults["test"], "chosen"> | undefined;
};

/** @param limit whether the line of what is allowed is drawn */
export function keyOf({ validation, controls, selection, test }: Keyed, limit = true): KeyEntry[] {
  const series = seriesNames(validation.candidates);
  const mark = (marks: readonly unknown[]) => sample(series, marks);
  const at = { x: 0, y: 0, r: 5 };
  const method = (name: string) => {
    const flat = validation.candidates.every(
      (one) => seriesName(one) !== name || (one.lambda === undefined && !one.varied),
    );
    const of = { stroke: "method", strokeWidth: 2 };
    return {
      name: flat ? `${name} (no lambda)` : name,
      svg: mark([
        ...(flat ? [ruleY([{ method: name }], { y: 0, stroke: "method", ...FLAT } as never)] : []),
        dot([{ method: name }], { ...at, ...of, symbol: "method", fill: "var(--ground)" } as never),
      ]),
    };
  };
  const plain = { stroke: "currentColor", strokeWidth: 1.5 };
  return [
    ...series.map(method),
    ...((controls?.curves.length ?? 0) > 0
      ? [{ name: "controls", svg: mark([ruleY([0], { stroke: "var(--soft)", ...CONTROL } as never)]) }]
      : []),
    ...(selection?.overall.candidate
      ? [{ name: "the choice", svg: mark([dot([0], { x: 0, y: 0, r: 6, ...plain } as never)]) }]
      : []),
    ...((test?.chosen.length ?? 0) > 0
      ? [
          {
            name: "measured on the data that confirm",
            svg: mark([dot([0], { x: 0, y: 0, r: 5, symbol: "diamond", fill: "currentColor" } as never)]),
          },
        ]
      : []),
    ...(limit && selection?.rule?.rule === "constrained"
      ? [{ name: "allowed at most", svg: mark([ruleX([0], { stroke: "var(--limit)", strokeWidth: 2 } as never)]) }]
      : []),
  ];
}
