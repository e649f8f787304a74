// Asks the merges of an experiment that leaves some out by proxies: first a sample that is fixed before anything is known, then those of
// the others that proxies do not rank clearly worse, if they rank the sample as its answers do.

import type { ProxyAgreement, ProxyScreening } from "../report/types.js";
import { candidateId, nameOf } from "../select/names.js";
import type { SeedValues } from "../statistics/seedValues.js";
import { type MergeSeries, mergeSeries } from "./candidates/merges.js";
import type { EvaluatedPoint } from "./candidates/point.js";
import { labelsOf } from "./checks/labels.js";
import { sampleFindings } from "./proxies/sampleFindings.js";
import { LEAST_AGREEMENT, type Screenable, sampleOf, screenedOut, valuesInOrder } from "./proxies/screenedOut.js";
import type { RefineStageParts } from "./refineStage.js";
import { endsOf } from "./results/choose.js";
import { proxyResults } from "./results/proxyResults.js";
import { screeningSentence } from "./results/screeningSentence.js";
import { candidateOf } from "./settings/declaredSeries.js";
import type { Tables } from "./steps/measureStage.js";
import type { ProxyReading, ReadMerge } from "./steps/proxyBatches.js";
import { type MeasuredMerge, pointsOf, seriesMeasurement } from "./steps/seriesMeasurement.js";

export interface ScreenedSeries {
  /** With all merges, measured or not. */
  readonly tables: Tables;
  readonly screening: ProxyScreening;
}

/** A merge of a series, whatever its seeds. */
interface Place {
  readonly series: MergeSeries;
  readonly value: number | undefined;
  readonly id: string;
  /** Whether it is asked before anything is screened. */
  readonly inSample: boolean;
}

/**
 * @param ends the tables of the models that were asked everything
 * @param reading of all merges, done
 */
export async function screenStage(
  ends: Tables,
  reading: ProxyReading,
  parts: RefineStageParts,
): Promise<ScreenedSeries> {
  const { settings, tuned, checked, progress } = parts;
  const all = mergeSeries(settings, tuned);
  const placed = all.map((series) => {
    const first = new Set(sampleOf(series));
    return valuesInOrder(series).map((value): Place => {
      return { series, value, id: candidateId(candidateOf(series, value)), inSample: first.has(value) };
    });
  });
  const sample = await measured(placed, ({ inSample }) => inSample, ends, parts, "sample");
  progress.candidates(sample.map((point) => point.measured));

  const read = await reading.read();
  const table = { ...endsOf(ends, "validation", checked), candidates: sample.map((point) => point.measured) };
  const options = { labels: labelsOf(settings, checked).validation, better: table.better };
  const agreement = proxyResults(read, { ...ends, points: sample }, options).agreement.filter(
    ({ proxy, series }) => proxy !== "benignDivergence" && series === undefined,
  );
  const found = sampleFindings(table, settings.select);
  const trusted = { refusal: isTrusted(agreement, "refusal"), taskLoss: isTrusted(agreement, "taskLoss") };
  const candidates = placed.map((own) =>
    own.map(({ id }): Screenable => ({ ...proxiesOf(read, id), found: found.get(id) })),
  );
  const reasons = new Map(
    screenedOut(candidates, trusted).flatMap((own, of) =>
      own.flatMap((why, at) => (why ? [[placed[of]?.[at]?.id ?? "", why] as const] : [])),
    ),
  );

  const isAsked = ({ id, inSample }: Place) => !inSample && !reasons.has(id);
  const others = await measured(placed, isAsked, ends, parts, "others");
  const known = new Map([...sample, ...others].map((point) => [candidateId(point.measured), point]));
  const points = all.flatMap((series) =>
    (series.values ?? [undefined]).map(
      (value) => known.get(candidateId(candidateOf(series, value))) ?? screenedPoint(series, value),
    ),
  );
  progress.candidates([...known.values()].map((point) => point.measured));
  const screening = {
    limit: LEAST_AGREEMENT,
    sample: sample.map((point) => nameOf(point.measured)),
    agreement,
    screened: placed.flat().flatMap(({ series, value, id }) => {
      const why = reasons.get(id);
      return why ? [{ name: nameOf(candidateOf(series, value)), why }] : [];
    }),
  };
  const sentence = screeningSentence(screening, points.length);
  return { tables: { ...ends, points }, screening: { ...screening, sentence } };
}

/** Asks some merges everything. */
async function measured(
  placed: readonly (readonly Place[])[],
  isAsked: (place: Place) => boolean,
  ends: Tables,
  parts: RefineStageParts,
  words: string,
): Promise<EvaluatedPoint[]> {
  const { measuring, calibrating, graph } = parts;
  const asked = placed.flatMap((own) => {
    const some = own.filter(isAsked);
    const [first] = some;
    if (!first) return [];
    const { series } = first;
    const values = series.values && some.map(({ value }) => value as number);
    const merges = series.merges.map((merge) => ({
      merge,
      measurement: seriesMeasurement(series, merge, parts, {
        ...{ values, words: `, ${words}` },
        // named, so that a series stays open for its second part
        tasks: measuring.tasksOf("validation", merge.tuning),
      }),
    }));
    return [{ series, values, merges }];
  });
  await graph(asked.flatMap(({ merges }) => merges.flatMap(({ measurement }) => measurement.batches)));
  const calibration = await calibrating.read();
  const points: EvaluatedPoint[] = [];
  for (const { series, values, merges } of asked) {
    const results: MeasuredMerge[] = [];
    for (const { merge, measurement } of merges) results.push({ merge, ...(await measurement.read(calibration)) });
    const own = pointsOf({ ...series, values }, results, ends.items.validation);
    points.push(...own.map((point) => ({ ...point, series })));
  }
  return points;
}

function isTrusted(agreement: readonly ProxyAgreement[], name: ProxyAgreement["proxy"]): boolean {
  return agreement.some(({ proxy, low }) => proxy === name && low !== undefined && low >= LEAST_AGREEMENT);
}

/** Of all merges of a candidate the values by item, of the same items in the same order for every candidate. */
function proxiesOf(read: readonly ReadMerge[], id: string): Pick<Screenable, "refusal" | "taskLoss"> {
  const own = read.filter(({ series, value }) => candidateId(candidateOf(series, value)) === id);
  const rows = (of: "refusals" | "task"): SeedValues => {
    const keys = [...new Set(read.flatMap(({ proxies }) => Object.keys(proxies[of])))];
    return own.map(({ proxies }) => keys.map((key) => proxies[of][key] ?? null));
  };
  return { refusal: rows("refusals"), taskLoss: rows("task") };
}

function screenedPoint(series: MergeSeries, value: number | undefined): EvaluatedPoint {
  const nothing = { asr: { value: Number.NaN }, score: { value: Number.NaN }, categories: {}, metrics: {} };
  return {
    ...{ series, value, seeds: [] },
    measured: { ...candidateOf(series, value), ...nothing, unfinished: "screened" },
  };
}
