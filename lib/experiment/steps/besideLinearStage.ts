// Every method beside the plain lambda: picked by the data that choose, asked the data that confirm. It comes after the choice, and
// nothing is chosen by it.

import type { BesideLinear, BesideLinearResults, EqualNumber } from "../../report/besideLinearTypes.js";
import { candidateId, nameOf } from "../../select/names.js";
import { completeRule } from "../../select/rule.js";
import type { Better } from "../../select/types.js";
import { mergeSeries } from "../candidates/merges.js";
import type { EvaluatedPoint } from "../candidates/point.js";
import type { TableLabels } from "../checks/labels.js";
import { besideLine, type PlainPoint, pickBeside, usefulPoints, withHolm } from "../controls/besideLinear.js";
import { isPlainLine } from "../settings/declaredSeries.js";
import type { ExperimentSettings } from "../settings/schema.js";
import { numbersByTuning, type TaskAndSafety } from "../tables/numbersByTuning.js";
import type { Tables } from "./measureStage.js";
import type { Part } from "./measuring.js";
import type { ChosenPoint, Written } from "./writeStage.js";

export interface BesideLinearParts {
  readonly settings: ExperimentSettings;
  readonly tables: Tables;
  readonly labels: TableLabels;
  readonly better: Readonly<Record<Part, Better>>;
  /** What was measured on the data that confirm already. */
  readonly written: readonly Written[];
  /** Measures merges on the items that confirm. */
  readonly measure: (chosen: readonly ChosenPoint[]) => Promise<readonly Written[]>;
}

/** The aligned and the fine-tuned model are the line's ends. */
type Role = "aligned" | "tuned";
type Point = TaskAndSafety & { readonly of: EvaluatedPoint | Role };

/** @returns undefined where the experiment does not ask for it, or has no method beside `linear` */
export async function besideLinearStage({
  settings,
  tables,
  labels,
  better,
  written,
  measure,
}: BesideLinearParts): Promise<BesideLinearResults | undefined> {
  const plain = tables.points.filter(({ series }) => isPlainLine(series));
  const others = tables.points.filter(({ series }) => !isPlainLine(series));
  if (!settings.besideLinear || plain.length === 0 || others.length === 0) return undefined;
  const { validation: choosing, test: confirming } = tables.items;
  const numbers = (of: EvaluatedPoint): Point => ({ ...numbersByTuning(of.seeds, choosing), of });
  const end = (role: Role) => ({
    ...{ ...numbersByTuning(tables[role].validation, choosing), of: role, lambda: role === "aligned" ? 0 : 1 },
  });
  const [aligned, tuned] = [end("aligned"), end("tuned")];
  const between = plain.map((of) => ({ ...numbers(of), lambda: of.value as number }));
  const line: PlainPoint<Point>[] = [aligned, ...between, tuned].sort((a, b) => a.lambda - b.lambda);
  const { minGain } = completeRule({ rule: "constrained", minGain: settings.select.minGain });
  const picked = [...new Set(others.map(({ series }) => series.method))].flatMap((method) => {
    const own = others.filter(({ series }) => series.method === method).map(numbers);
    const useful = usefulPoints(own, { aligned, tuned }, { minGain, better: better.validation });
    return (["score", "safety"] as const).map((equal) => ({
      ...{ method, equal, useful: useful.length > 0 },
      found: pickBeside(useful, line, equal, better.validation),
    }));
  });
  const known = new Map(written.map(({ tested }) => [candidateId(tested.measured), tested]));
  const wanted = picked.flatMap(({ found }) => (found ? [found.point, found.lower, found.upper] : []));
  const merges = new Set(wanted.flatMap(({ of }) => (typeof of === "string" ? [] : [of])));
  const missing = [...merges].filter(({ measured }) => !known.has(candidateId(measured)));
  for (const { tested } of await measure(missing.map((point) => ({ point, written: new Set() })))) {
    known.set(candidateId(tested.measured), tested);
  }
  const tested = ({ of }: Point) => {
    if (typeof of === "string") {
      const name = of === "aligned" ? "the aligned model" : "the fine-tuned model";
      return { name, ...numbersByTuning(tables[of].test, confirming) };
    }
    const { seeds, measured } = known.get(candidateId(of.measured)) as EvaluatedPoint;
    return { name: nameOf(measured), ...numbersByTuning(seeds, confirming) };
  };
  const rows = picked.map(({ method, equal, useful, found }): BesideLinear => {
    if (!found) return { method, equal, why: useful ? outOfReach(equal) : notUseful(minGain) };
    const { point, lower, upper } = found;
    return besideLine({ method, equal, point: tested(point), lower: tested(lower), upper: tested(upper) });
  });
  return withHolm(rows, { better: better.test, labels: labels.test });
}

function outOfReach(equal: EqualNumber): string {
  return `the plain line has ${equal === "score" ? "the task score" : "the rate"} of none of its points, or hardly moves there`;
}

function notUseful(minGain: number): string {
  return `none of its points keeps ${minGain} of the fine-tuned model's gain`;
}

/** Merges that are asked the data that confirm at most, for each tuning: two of each method, and the ends of their lines. */
export function besideLinearAtMost(settings: ExperimentSettings): number {
  if (!settings.besideLinear) return 0;
  const series = mergeSeries(settings, []);
  const methods = new Set(series.filter((one) => !isPlainLine(one)).map(({ method }) => method)).size;
  const plain = series.filter(isPlainLine).reduce((sum, { values = [] }) => sum + values.length, 0);
  return 2 * methods + Math.min(4 * methods, plain);
}
