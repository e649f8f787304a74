// Whether what was read from log-probabilities ranks the merges as their answers do.

import type { ProxyAgreement, ProxyCandidate, ProxyName, ProxyQuantity, ProxyResults } from "../../report/types.js";
import { candidateId, seriesOf } from "../../select/names.js";
import type { Better, Labels } from "../../select/types.js";
import { meanOverSeeds } from "../../statistics/meanOverSeeds.js";
import { rankCorrelation } from "../../statistics/rankCorrelation.js";
import { LEAST_RANKED, rankCorrelationInterval } from "../../statistics/rankCorrelationInterval.js";
import type { SeedValues } from "../../statistics/seedValues.js";
import type { EvaluatedPoint } from "../candidates/point.js";
import type { ItemProxies } from "../proxies/proxyItems.js";
import { candidateOf } from "../settings/declaredSeries.js";
import type { Tables } from "../steps/measureStage.js";
import type { ReadMerge } from "../steps/proxyBatches.js";
import { weighing } from "../tables/tableItems.js";
import { proxySentence } from "./proxySentence.js";

/** What a proxy is read on, the number that it stands for, and which way that one goes where the proxy rises and where lambda does. */
interface Pair {
  readonly of: keyof ItemProxies;
  readonly metric: ProxyAgreement["metric"];
  readonly items: "safety" | "task" | "over-refusal";
  readonly sign: 1 | -1;
  readonly lambda: 1 | -1;
}

/** Of a merge that was asked everything: both numbers, [seed][item of the table]. */
interface Ranked {
  readonly point: EvaluatedPoint;
  readonly proxy: SeedValues;
  readonly metric: SeedValues;
}

/** @param read once of every merge, seed and lambda */
export function proxyResults(
  read: readonly ReadMerge[],
  { points, items: { validation } }: Pick<Tables, "points" | "items">,
  { labels, better }: { readonly labels: Labels; readonly better: Better },
): ProxyResults {
  const upwards = better === "high" ? 1 : -1;
  const pairs: Record<ProxyName, Pair> = {
    refusal: { of: "refusals", metric: "asr", items: "safety", sign: -1, lambda: 1 },
    taskLoss: { of: "task", metric: "score", items: "task", sign: upwards === 1 ? -1 : 1, lambda: upwards },
    benignDivergence: { of: "benign", metric: "overRefusal", items: "over-refusal", sign: 1, lambda: 1 },
  };
  const named = Object.entries(pairs) as [ProxyName, Pair][];
  const ids = read.map(({ series, value }) => candidateId(candidateOf(series, value)));
  const mergesOf = ({ measured }: EvaluatedPoint) => read.filter((_, at) => ids[at] === candidateId(measured));
  const candidates = points.flatMap((point): ProxyCandidate[] => {
    const merges = mergesOf(point);
    if (merges.length === 0) return []; // of a lambda that was added once the others were known
    const quantities = named.flatMap(([name, { of }]) => {
      const found = quantityOf(merges, of);
      return found ? [[name, found] as const] : [];
    });
    return [{ ...candidateOf(point.series, point.value), ...Object.fromEntries(quantities) }];
  });
  const agreement = named.flatMap(([proxy, pair]): ProxyAgreement[] => {
    const table = validation[pair.items];
    const ranked = points.flatMap((point): Ranked[] => {
      const merges = mergesOf(point);
      const metric = point.measured.unfinished ? undefined : point.measured[pair.metric]?.values;
      if (!metric) return [];
      const values = point.seeds.map(({ seed }) => {
        const own = merges.find((one) => one.seed === seed)?.proxies[pair.of] ?? {};
        return table.map(({ key }) => own[key] ?? null);
      });
      return Number.isNaN(meanOverSeeds(values)) ? [] : [{ point, proxy: values, metric }];
    });
    if (ranked.length === 0) return [];
    const options = weighing(table);
    const all = { proxy, metric: pair.metric, ...agreementOf(ranked, pair, options) };
    const groups = [...new Set(ranked.map(({ point }) => point.series))].map((series) => ({
      series,
      own: ranked.filter(({ point }) => point.series === series),
    }));
    if (groups.length < 2) return [all];
    const each = groups.filter(({ own }) => own.length >= LEAST_RANKED);
    return [
      all,
      ...each.map(({ series, own }) => ({
        ...{ proxy, metric: pair.metric, series: seriesOf(series) },
        ...agreementOf(own, pair, options),
      })),
    ];
  });
  const items = named.map(([name, { of }]) => [
    name,
    Math.max(0, ...read.map(({ proxies }) => Object.keys(proxies[of]).length)),
  ]);
  return {
    items: Object.fromEntries(items) as ProxyResults["items"],
    candidates,
    agreement,
    sentences: agreement.flatMap((one) => (one.series === undefined ? [proxySentence(one, labels)] : [])),
  };
}

function agreementOf(
  ranked: readonly Ranked[],
  { sign, lambda: rises }: Pair,
  options: { readonly weights?: readonly number[]; readonly groups?: readonly number[] },
): Omit<ProxyAgreement, "proxy" | "metric" | "series"> {
  const turned = ranked.map(({ proxy }) => proxy.map((row) => row.map((one) => (one === null ? null : sign * one))));
  const metrics = ranked.map(({ metric }) => metric);
  const found = rankCorrelationInterval(turned, metrics, options);
  const seeds = [...new Set(ranked.flatMap(({ point }) => point.seeds.map(({ seed }) => seed)))].flatMap((seed) => {
    const rows = ranked.flatMap(({ point, metric }, at) => {
      const row = point.seeds.findIndex((one) => one.seed === seed);
      const [own, other] = [turned[at]?.[row], metric[row]];
      const pair = [meanOverSeeds([own ?? []]), meanOverSeeds([other ?? []], other ? options : {})] as const;
      return pair.some(Number.isNaN) ? [] : [pair];
    });
    const value = enough(rows);
    return value === undefined ? [] : [{ seed, value }];
  });
  const lambdas = ranked.flatMap(({ point: { series, value: lambda }, metric }) =>
    lambda === undefined || series.varied ? [] : [[rises * lambda, meanOverSeeds(metric, options)] as const],
  );
  const alone = enough(lambdas);
  return {
    candidates: ranked.length,
    ...found,
    ...(seeds.length > 1 && { seeds }),
    ...(alone !== undefined && { lambdaAlone: alone }),
  };
}

function enough(rows: readonly (readonly [number, number])[]): number | undefined {
  if (rows.length < LEAST_RANKED) return undefined;
  return rankCorrelation(
    rows.map(([one]) => one),
    rows.map(([, other]) => other),
  );
}

/** Items without a finite number are left out, as the correlation leaves them out, and counted. */
function quantityOf(merges: readonly ReadMerge[], of: keyof ItemProxies): ProxyQuantity | undefined {
  const read = merges.map(({ seed, proxies }) => ({ seed, values: Object.values(proxies[of]) }));
  const all = read.flatMap(({ values }) => values);
  if (all.length === 0) return undefined;
  const missing = all.filter((one) => one === null).length;
  const seeds = read.flatMap(({ seed, values }) => {
    const value = meanOverSeeds([values]);
    return Number.isNaN(value) ? [] : [{ seed, value }];
  });
  const value = meanOverSeeds(read.map(({ values }) => values));
  return { ...(seeds.length > 0 && { value }), seeds, ...(missing > 0 && { missing }) };
}
