// Asks lambdas between the grid's choice and the next one of its grid. They were picked by what came out, so that what they show on the
// items that chose is exploratory: one of them becomes the choice only if it holds on the items that confirm, after the grid's own
// choice held there. Of two hypotheses that are tested in an order fixed before, the second only where the first held, each has
// the whole level (fixed-sequence test: Maurer, Hothorn and Lehmacher 1995).

import type { RefinedResults } from "../report/types.js";
import { nameOf, seriesOf } from "../select/names.js";
import type { Confirmation } from "../select/types.js";
import { nextLambda, refinedLambdas } from "./adaptive/refinedLambdas.js";
import { type MergeSeries, mergeSeries } from "./candidates/merges.js";
import type { EvaluatedPoint } from "./candidates/point.js";
import type { Checked } from "./checks/checked.js";
import { type Choice, choose, endsOf } from "./results/choose.js";
import { confirmationOf } from "./results/confirmationOf.js";
import { refinedText } from "./results/refinedText.js";
import { refinedPoints } from "./settings/refinedPoints.js";
import { type AdaptiveStageParts, type AskedSeries, adaptiveStage } from "./steps/adaptiveStage.js";
import type { Tables } from "./steps/measureStage.js";
import type { ChosenPoint, Written } from "./steps/writeStage.js";

export interface Refined {
  readonly tables: Tables;
  readonly choice: Choice;
  /** Where there was something to refine. */
  readonly refined?: RefinedResults | undefined;
}

export interface RefineStageParts extends AdaptiveStageParts {
  readonly checked: Checked;
}

/** What a plan counts them to. */
export const REFINED = "refined lambdas beside the choice, validation";

/**
 * @param asked the merges of the grid
 * @param write measures merges on the items that confirm
 * @returns the grid's tables and choice, or those with the refined lambdas where one of these is the choice
 */
export async function refineStage(
  asked: AskedSeries,
  parts: RefineStageParts,
  write: (chosen: readonly ChosenPoint[]) => Promise<readonly Written[]>,
): Promise<Refined> {
  const { settings, checked, tuned } = parts;
  const { tables, courses } = asked;
  const choice = choose(tables, settings, checked);
  const { best } = choice;
  const of = best?.series.varied ? undefined : best?.series.values;
  const [count, lambda] = [refinedPoints(settings), best?.value];
  if (count === 0 || !best || !of || lambda === undefined) return { tables, choice };
  const own = refinedLambdas(of, lambda, count);
  const next = nextLambda(of, lambda);
  if (own.length === 0 || next === undefined) return { tables, choice };

  const series = mergeSeries(settings, tuned).map((one) =>
    isSame(one, best.series) ? { ...one, values: [...of, ...own] } : one,
  );
  const more = await adaptiveStage(tables, parts, { series, courses, label: REFINED });
  const isOwn = ({ series: one, value: at }: EvaluatedPoint) => isSame(one, best.series) && own.includes(at as number);
  const points = more.tables.points.filter(isOwn).map(({ measured }) => measured);
  const found = choose(more.tables, settings, checked);
  const better = found.best && isOwn(found.best) ? found.best : undefined;
  const test = { ...endsOf(tables, "test", checked), labels: choice.labels.test };
  const confirmations: Confirmation[] = [];
  for (const point of better ? [best, better] : []) {
    // as it was measured: only one of them is to be written
    const [written] = await write([{ point, written: new Set() }]);
    const confirmation = written && confirmationOf(test, written.tested.measured, settings.select);
    if (confirmation) confirmations.push(confirmation);
    if (!confirmation?.holds) break;
  }
  const taken = confirmations.length === 2 && confirmations.every(({ holds }) => holds);
  const about = {
    ...{ from: nameOf(best.measured), between: [lambda, next] as const, points },
    ...(better && { better: nameOf(better.measured) }),
    ...{ confirmations, taken },
  };
  const refined = { ...about, sentence: refinedText(about) };
  return taken ? { tables: more.tables, choice: found, refined } : { tables, choice, refined };
}

function isSame(a: MergeSeries, b: MergeSeries): boolean {
  return seriesOf(a) === seriesOf(b);
}
