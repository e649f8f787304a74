// Leaving merges out by proxies: the rule by hand; that it loosens no level, whatever the proxies are; and how often the choice stays the same.

import { describe, expect, it } from "vitest";
import type { AdaptivePlan } from "../../../../lib/experiment/adaptive/types.js";
import {
  type Screenable,
  sampleOf,
  screenedOut,
  valuesInOrder,
} from "../../../../lib/experiment/proxies/screenedOut.js";
import { candidateId, nameOf } from "../../../../lib/select/names.js";
import { completeRule } from "../../../../lib/select/rule.js";
import { select } from "../../../../lib/select/select.js";
import type { Candidate, SelectionTable } from "../../../../lib/select/types.js";
import { casesOf, long } from "../../../long.js";
import { normal, randomOf } from "../../statistics/simulated.mjs";
import {
  candidateTokens,
  type DrawnProxies,
  draw,
  full,
  planOf,
  qualifiedOf,
  screened,
  truthOf,
} from "../adaptive/recorded.js";

/** A merge whose proxies have these means, over items that vary less than they differ. */
function merge(refusal: number, taskLoss: number, found?: Screenable["found"]): Screenable {
  const row = (mean: number) => [Array.from({ length: 16 }, (_, at) => mean + (at % 3) / 10 + ((at * mean) % 0.07))];
  return { refusal: row(refusal), taskLoss: row(taskLoss), found };
}
const BOTH = { refusal: true, taskLoss: true };

describe("which merges are screened out", () => {
  const line = [merge(9, 3, "neither"), merge(8, 2), merge(6, 1, "qualifies"), merge(5, 0.8), merge(3, 0.5, "unsafe")];
  const safer = [...line, merge(2, 0.4), merge(2.5, 0.3)];

  it("is what is clearly less safe than one above the margin, and what comes after it in its series", () => {
    const none = [undefined, undefined, undefined, undefined, undefined];
    expect(screenedOut([safer], BOTH)).toEqual([[...none, "unsafe", "series"]]);
    // between the one that qualifies and the one above the margin nothing is known
    expect(screenedOut([[...line, merge(3.01, 0.4)]], BOTH)).toEqual([[...none, undefined]]);
  });

  it("is what is clearly worse in both than one that qualifies, in any series", () => {
    const other = [merge(5, 1.5, "neither"), merge(4, 1.4), merge(5, 0.9)];
    expect(screenedOut([line, other], BOTH)[1]).toEqual([undefined, "dominated", "series"]);
    // in one of the two it is better
    expect(screenedOut([line, [merge(9, 2, "neither"), merge(5, 0.9)]], BOTH)[1]).toEqual([undefined, undefined]);
    expect(screenedOut([line, other], { refusal: true, taskLoss: false })[1]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("is none that comes before one of its series that qualifies", () => {
    const other = [merge(9, 3, "neither"), merge(2, 2), merge(5.9, 1, "qualifies"), merge(2, 0.4)];
    expect(screenedOut([line, other], BOTH)[1]).toEqual([undefined, undefined, undefined, "unsafe"]);
  });

  it("is none where proxies do not rank merges as answers do, or say nothing of them", () => {
    expect(screenedOut([safer], { refusal: false, taskLoss: true })).toEqual([safer.map(() => undefined)]);
    const silent = { refusal: [Array(16).fill(null)], taskLoss: [Array(16).fill(null)] };
    expect(screenedOut([[...line, silent]], BOTH)[0]?.at(-1)).toBeUndefined();
  });

  it("is asked of every second merge from the safe end of each series first", () => {
    expect(sampleOf({ method: "linear", values: [0.1, 0.2, 0.3, 0.4] })).toEqual([0.1, 0.3]);
    expect(sampleOf({ method: "model_stock" })).toEqual([undefined]);
    const varied = { parameter: "gamma", safer: "larger" } as const;
    const resta = { method: "resta", lambda: 1, varied, values: [0.1, 0.3, 0.5] };
    expect(valuesInOrder(resta)).toEqual([0.5, 0.3, 0.1]);
    expect(sampleOf(resta)).toEqual([0.5, 0.1]);
  });
});

it("ends the series where a merge was screened out, and says what is not known", () => {
  const values = (lost: number) => [Array.from({ length: 60 }, (_, at) => Number(at < lost))];
  const at = (lambda: number, lost: number, score: number): Candidate => ({
    ...{ method: "linear", lambda, asr: { value: lost / 60, values: values(lost) } },
    score: { value: score / 60, values: values(score) },
  });
  const nothing = { asr: { value: Number.NaN }, score: { value: Number.NaN }, unfinished: "screened" } as const;
  const { asr, score } = at(0, 2, 0);
  const candidates = [at(0.2, 2, 30), { method: "linear", lambda: 0.4, ...nothing }, at(0.6, 2, 50)];
  const table = { aligned: { asr, score }, candidates };
  const { overall, verdicts, margins } = select(table, "constrained:0.2");
  expect(overall.candidate?.lambda).toBe(0.2);
  expect(overall.sentence).toContain("1 of 3 candidates was screened out by proxies, not measured");
  expect(verdicts.map(({ reason }) => reason)).toEqual([
    undefined,
    "it was screened out by proxies, not measured",
    "linear at lambda 0.4 of the same series is not shown to be safe, and the series ends there",
  ]);
  expect(margins).toHaveLength(1);
  // what comes after it is no choice with any margin
  expect(select(table, "constrained:0.01").overall.nearest?.candidate.lambda).toBe(0.2);
  // a rule without a bound compares what was measured
  expect(select(table, "constrained:0.2:point").overall.candidate?.lambda).toBe(0.6);
  expect(select(table, "score").overall.candidate?.lambda).toBe(0.6);
  const gated = select(table, { rule: "score", gate: "asr <= aligned + 0.2" });
  expect(gated.overall.candidate?.lambda).toBe(0.2);
});

/**
 * Proxies of the demo's merges as they would be: their mean follows the true rates, off by a normal deviation of its own for each merge, and
 * items vary as much for all. @param deviation in units of log-odds of the rates
 */
function drawnProxies(
  random: () => number,
  { table }: ReturnType<typeof full>,
  seeds: number,
  deviation: number,
): DrawnProxies {
  const [safety, task] = [table.aligned.asr.values?.[0]?.length ?? 0, table.aligned.score.values?.[0]?.length ?? 0];
  const hard = Array.from({ length: 32 }, () => normal(random));
  const logit = (rate: number) => Math.log((rate + 0.02) / (1.02 - rate));
  const known = new Map<string, ReturnType<DrawnProxies>>();
  const rows = (mean: number, spread: number, items: number) =>
    Array.from({ length: seeds }, () => {
      const own = mean + 0.3 * spread * normal(random);
      return Array.from({ length: items }, (_, at) =>
        at < hard.length ? own + spread * ((hard[at] as number) + 0.5 * normal(random)) : null,
      );
    });
  return (candidate) => {
    const truth = truthOf(candidate);
    const found = known.get(candidateId(candidate)) ?? {
      refusal: rows(3 * (deviation * normal(random) - logit(truth.safety)), 4, safety),
      taskLoss: rows(deviation * normal(random) - logit(truth.task), 1, task),
    };
    known.set(candidateId(candidate), found);
    return found;
  };
}

describe("an experiment on answers of the demo's models that screens by drawn proxies", () => {
  const drawn = [0.1, 0.2].flatMap((margin) => [0, 0.33, 1].map((deviation) => [margin, deviation, 60] as const));
  it.each(casesOf<readonly [number, number, number]>(drawn, [[0.2, 0.33, 6]]))(
    "qualifies nothing that the full one does not, and mostly chooses the same: margin %s, deviation %s",
    (margin, deviation, times) => {
      const plan = planOf({ rule: "constrained", margin }, 3);
      const random = randomOf(1);
      let [same, out, tokens] = [0, 0, 0];
      for (let time = 0; time < times; time++) {
        const drawn = draw(random, 3);
        const whole = full(plan, drawn);
        const found = screened(plan, whole, drawnProxies(random, whole, 3, deviation));
        const all = new Set(qualifiedOf(whole.table, plan).map(nameOf));
        for (const one of found.qualified) expect(all).toContain(nameOf(one));
        if ((found.choice && candidateId(found.choice)) === whole.choice) same += 1;
        out += found.out.size;
        const asked = whole.table.candidates.filter((one) => !found.out.has(candidateId(one)));
        const { ends, candidates } = whole.tokens;
        tokens += (ends + candidateTokens(asked, drawn)) / (ends + candidates);
      }
      // docs/statistics.md has the shares of the long form
      expect(same / times).toBeGreaterThanOrEqual(long ? 0.9 : 0.8);
      expect(tokens / times).toBeLessThan(1);
      if (deviation < 1) expect(out / times).toBeGreaterThan(2);
    },
    600_000,
  );
});

describe("merges at the margin, screened by proxies that are made of the very answers", () => {
  it("pass no more often than without", { timeout: 600_000 }, () => {
    const [n, rate, margin, times] = [100, 0.2, 0.1, long ? 400 : 20];
    const random = randomOf(7);
    const values = [0.2, 0.4, 0.6, 0.8];
    const items = { order: [], looks: [] };
    const plan: AdaptivePlan = {
      series: ["linear", "slerp", "ties"].map((method) => ({ method, values })),
      rule: completeRule({ rule: "constrained", margin }),
      items: { safety: items, task: items, "over-refusal": items },
    };
    let [wrong, before, left] = [0, 0, 0];
    for (let time = 0; time < times; time++) {
      const aligned = Array.from({ length: n }, () => Number(random() < rate));
      const flipped = (up: number) =>
        aligned.map((one) => (random() < (one ? 0.02 / rate : (up + 0.02) / (1 - rate)) ? 1 - one : one));
      // the first two of each series are as safe as the aligned model, the others just too unsafe
      const candidates = plan.series.flatMap(({ method }) =>
        values.map((lambda): Candidate => {
          const lost = [flipped(lambda < 0.5 ? 0 : margin)];
          const score = [aligned.map(() => Number(random() < lambda))];
          return {
            method,
            lambda,
            asr: { value: mean(lost), values: lost },
            score: { value: mean(score), values: score },
          };
        }),
      );
      const point = {
        asr: { value: mean([aligned]), values: [aligned] },
        score: { value: 0, values: [aligned.map(() => 0)] },
      };
      const table: SelectionTable = {
        aligned: point,
        tuned: { ...point, score: { value: 1, values: [aligned.map(() => 1)] } },
        candidates,
      };
      const whole = { choice: undefined, table, tokens: { ends: 0, candidates: 0 } };
      // what was measured of a merge decides its proxies, so that they know the errors of its answers
      const noisy = ({ value }: Candidate["asr"]) => [aligned.map(() => -10 * value + 0.2 * normal(random))];
      const known = new Map(
        candidates.map((one) => [candidateId(one), { refusal: noisy(one.asr), taskLoss: noisy(one.score) }]),
      );
      const proxies: DrawnProxies = (one) => known.get(candidateId(one)) as ReturnType<DrawnProxies>;
      const found = screened(plan, whole, proxies, -1);
      const isWrong = ({ lambda = 0 }: Candidate) => lambda > 0.5;
      if (found.qualified.some(isWrong)) wrong += 1;
      if (qualifiedOf(table, plan).some(isWrong)) before += 1;
      left += found.out.size;
    }
    expect(left / times).toBeGreaterThan(0.3);
    expect(wrong).toBeLessThanOrEqual(before);
    // 6 % as of one bound (docs/statistics.md), and two standard errors of the simulation
    expect(wrong / times).toBeLessThanOrEqual(0.06 + 2 * Math.sqrt(0.05 / times));
  });
});

function mean(rows: readonly (readonly number[])[]): number {
  const all = rows.flat();
  return all.reduce((sum, one) => sum + one, 0) / all.length;
}
