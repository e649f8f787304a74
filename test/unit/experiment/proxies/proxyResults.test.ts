// Whether proxies rank merges as their answers do, from numbers made by hand.

import { expect, it } from "vitest";
import type { EvaluatedPoint } from "../../../../lib/experiment/candidates/point.js";
import { proxyResults } from "../../../../lib/experiment/results/proxyResults.js";
import type { ReadMerge } from "../../../../lib/experiment/steps/proxyBatches.js";
import type { TableItems } from "../../../../lib/experiment/tables/tableItems.js";

const ITEMS = 30;
const item = (set: string) => (_: unknown, at: number) => ({
  ...{ key: `${set}/${at}`, set, prompt: `${set} ${at}`, weight: 1, group: set },
});
const of = (set: string) => Array.from({ length: ITEMS }, item(set));
const items = { safety: of("unsafe"), task: of("calls"), "over-refusal": [], selected: [], skills: [] } as TableItems;
const seeds = ["42", "7"];

const SERIES = { linear: { method: "linear", merges: [] }, slerp: { method: "slerp", merges: [] } };

/** A merge whose first `lost` requests are lost and `right` rows are right, and whose proxies have these means. */
function merge(method: string, lambda: number, [lost, right, odds, loss]: readonly number[], unfinished = false) {
  const series = SERIES[method as keyof typeof SERIES];
  const first = (count = 0) => seeds.map(() => Array.from({ length: ITEMS }, (_, at) => Number(at < count)));
  const measured = {
    method,
    lambda,
    asr: { value: 0, values: first(lost) },
    score: { value: 0, values: first(right) },
  };
  const point = {
    series,
    value: lambda,
    seeds: seeds.map((seed) => ({ seed })),
    measured: { ...measured, ...(unfinished && { unfinished }) },
  };
  const some = (set: string, mean = 0) =>
    Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`${set}/${at}`, mean + (at % 2 ? 0.5 : -0.5)]));
  const proxies = { refusals: some("unsafe", odds), benign: {}, task: some("calls", loss) };
  const read = seeds.map((seed) => ({ series, seed, value: lambda, proxies }));
  return { point: point as unknown as EvaluatedPoint, read: read as unknown as ReadMerge[] };
}

const MERGES = [
  [1, 4, 9, 3],
  [3, 8, 8, 2.5],
  [6, 15, 6, 2],
  [12, 20, 5, 1],
  [20, 26, 1, 0.5],
];
const line = MERGES.map((numbers, at) => merge("linear", (at + 1) / 5, numbers));
const results = (merges: readonly ReturnType<typeof merge>[], better: "high" | "low" = "high") =>
  proxyResults(
    merges.flatMap(({ read }) => read),
    { points: merges.map(({ point }) => point), items: { validation: items, test: items } },
    { labels: { asr: "lost", score: "right" }, better },
  );

it("is turned so that 1 is the order of the answers, of each tuning too, and beside it stands lambda's", () => {
  const { agreement, candidates, items: counts } = results(line);
  expect(
    agreement.map(({ proxy, metric, value, candidates: n, lambdaAlone }) => [proxy, metric, value, n, lambdaAlone]),
  ).toEqual([
    ["refusal", "asr", 1, 5, 1],
    ["taskLoss", "score", 1, 5, 1],
  ]);
  expect(agreement[0]?.seeds).toEqual(seeds.map((seed) => ({ seed, value: 1 })));
  expect(candidates[0]?.refusal).toEqual({ value: 9, seeds: seeds.map((seed) => ({ seed, value: 9 })) });
  expect(counts).toEqual({ refusal: 10, taskLoss: 10, benignDivergence: 0 });
  // where less of the score is better, a loss rises with it
  expect(results(line, "low").agreement[1]?.value).toBe(-1);
});

it("leaves items without a finite number out of the mean and the correlation, and counts them", () => {
  const broken = merge("linear", 1, MERGES[4] as number[]);
  const whole = broken.read.map((one) => ({ ...one, proxies: { ...one.proxies, refusals: { "unsafe/0": null } } }));
  const [first, second] = broken.read as [ReadMerge, ReadMerge];
  const partly = {
    ...first,
    proxies: { ...first.proxies, refusals: { "unsafe/0": null, "unsafe/1": 4, "unsafe/2": 2 } },
  };
  const four = line.slice(0, 4);
  const one = results([...four, { ...broken, read: [partly, second] }]);
  expect(one.candidates[4]?.refusal).toEqual({
    ...{ value: 2, missing: 1 },
    seeds: [
      { seed: "42", value: 3 },
      { seed: "7", value: 1 },
    ],
  });
  const none = results([...four, { ...broken, read: whole }]);
  expect(none.candidates[4]?.refusal).toEqual({ seeds: [], missing: 2 });
  expect(none.agreement[0]).toMatchObject({ proxy: "refusal", candidates: 4 });
});

it("leaves merges out that were not asked everything, tells series apart, and says that four are too few", () => {
  const other = MERGES.slice(0, 4).map(([lost = 0, right = 0, odds = 0, loss = 0], at) =>
    merge("slerp", (at + 1) / 5, [lost, right, -odds, loss]),
  );
  const left = merge("slerp", 1, [0, 0, 100, 0], true);
  const { agreement, candidates, sentences } = results([...line, ...other, left]);
  expect(candidates).toHaveLength(10);
  expect(agreement.map(({ proxy, series, candidates: n }) => [proxy, series, n])).toEqual([
    ["refusal", undefined, 9],
    ["refusal", "linear", 5],
    ["taskLoss", undefined, 9],
    ["taskLoss", "linear", 5],
  ]);
  // slerp's log-odds run the other way
  expect(agreement[0]?.value).toBeLessThan(0.6);
  expect(agreement[1]?.value).toBe(1);
  expect(sentences).toHaveLength(2);
  const few = results(line.slice(0, 4));
  expect(few.agreement.map(({ value, candidates: n }) => [value, n])).toEqual([
    [undefined, 4],
    [undefined, 4],
  ]);
  expect(few.sentences[0]).toMatch(/4 merges are too few/);
});
