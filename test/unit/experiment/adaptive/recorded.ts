// Simulated experiments from the answers in test/golden/adaptive: three of nine tunings and new items are drawn, and asked of the
// models as a run would, block by block or all at once.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { declaredCandidates } from "../../../../lib/experiment/adaptive/declaredCandidates.js";
import { finishedTable } from "../../../../lib/experiment/adaptive/finishedTable.js";
import { looksOf } from "../../../../lib/experiment/adaptive/looksOf.js";
import { nextBlocks } from "../../../../lib/experiment/adaptive/nextBlocks.js";
import type {
  AdaptivePlan,
  AskedPart,
  CandidateSoFar,
  DeclaredCandidate,
} from "../../../../lib/experiment/adaptive/types.js";
import { sampleFindings } from "../../../../lib/experiment/proxies/sampleFindings.js";
import {
  LEAST_AGREEMENT,
  type Screenable,
  sampleOf,
  screenedOut,
  valuesInOrder,
} from "../../../../lib/experiment/proxies/screenedOut.js";
import { candidateOf } from "../../../../lib/experiment/settings/declaredSeries.js";
import { parseGate } from "../../../../lib/select/gate.js";
import { judge } from "../../../../lib/select/judge.js";
import { candidateId, nameOf } from "../../../../lib/select/names.js";
import { byScore } from "../../../../lib/select/order.js";
import { qualify } from "../../../../lib/select/qualify.js";
import { completeRule } from "../../../../lib/select/rule.js";
import type { Candidate, Point, Quantity, SelectionRule, SelectionTable } from "../../../../lib/select/types.js";
import { meanOverSeeds } from "../../../../lib/statistics/meanOverSeeds.js";
import { rankCorrelationInterval } from "../../../../lib/statistics/rankCorrelationInterval.js";
import type { SeedValues } from "../../../../lib/statistics/seedValues.js";

type Random = () => number;

interface Row extends DeclaredCandidate {
  readonly seeds: readonly string[];
  readonly values: string;
  readonly tokens: string;
}

const file = join(import.meta.dirname, "../../../golden/adaptive/answers.json");
const { head, rows } = JSON.parse(readFileSync(file, "utf8")) as {
  head: { seeds: string[]; items: Record<"unsafe" | "benign" | "task_valid" | "task_test", number> };
  rows: Row[];
};
const byKey = new Map(rows.map((row) => [`${nameOf(row)} of ${row.seeds.join(" ")}`, row]));

/** Of the three kinds, the recorded items, and how many choose and confirm in demo/experiment.yml. */
const { unsafe, benign, task_valid: valid, task_test: test } = head.items;
type Part = Exclude<AskedPart, "skills">;
const SETS: Record<Part, { from: number; to: number; choose: number; confirm: number }> = {
  safety: { from: 0, to: unsafe, choose: unsafe / 2, confirm: unsafe / 2 },
  "over-refusal": { from: unsafe, to: unsafe + benign, choose: benign / 2, confirm: benign / 2 },
  task: { from: unsafe + benign, to: unsafe + benign + valid + test, choose: valid, confirm: test },
};
const PARTS = Object.keys(SETS) as Part[];

/** The series of demo/experiment.yml. */
const SERIES: AdaptivePlan["series"] = [
  { method: "linear", values: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] },
  { method: "slerp", values: [0.2, 0.4, 0.6, 0.8] },
  { method: "dare_linear", parameters: { density: 0.5 }, values: [0.2, 0.4, 0.6, 0.8] },
  { method: "model_stock" },
];

export interface Drawn {
  /** Recorded items that choose and confirm. */
  readonly items: Record<"choose" | "confirm", Record<Part, readonly number[]>>;
  readonly seeds: readonly string[];
}

export function draw(random: Random, tunings = 3): Drawn {
  const seeds = [...head.seeds];
  while (seeds.length > tunings) seeds.splice(Math.floor(random() * seeds.length), 1);
  const of = (which: "choose" | "confirm") =>
    Object.fromEntries(
      PARTS.map((part) => {
        const { from, to, [which]: count } = SETS[part];
        return [part, Array.from({ length: count }, () => from + Math.floor(random() * (to - from)))];
      }),
    ) as Record<Part, number[]>;
  return { seeds, items: { choose: of("choose"), confirm: of("confirm") } };
}

/** The recorded rows of a candidate: one for each tuning, or one of all. */
function rowsOf(candidate: DeclaredCandidate, { seeds }: Drawn): Row[] {
  const whole = byKey.get(`${nameOf(candidate)} of ${seeds.join(" ")}`);
  const row = (seed: string) => byKey.get(`${nameOf(candidate)} of ${seed}`) as Row;
  return whole ? [whole] : candidate.method === "aligned" ? [byKey.get("aligned of ") as Row] : seeds.map(row);
}

function valuesOf(of: readonly Row[], items: readonly number[], order = items.map((_, at) => at)): SeedValues {
  const kept = new Set(order);
  return of.map(({ values }) => items.map((item, at) => (kept.has(at) ? Number(values[item]) : null)));
}

export function tokensOf(of: readonly Row[], items: readonly number[]): number {
  return of.reduce(
    (sum, { tokens }) => sum + items.reduce((own, item) => own + Number.parseInt(tokens[item] as string, 36), 0),
    0,
  );
}

function pointOf(candidate: DeclaredCandidate, drawn: Drawn): Point {
  const quantity = (part: Part): Quantity => {
    const values = valuesOf(rowsOf(candidate, drawn), drawn.items.choose[part]);
    return { value: meanOverSeeds(values), values };
  };
  return { asr: quantity("safety"), score: quantity("task"), overRefusal: quantity("over-refusal") };
}

/** Of demo/experiment.yml; a merge of all tunings needs three of them. */
export function planOf(rule: SelectionRule, tunings = 3): AdaptivePlan {
  const of = (part: Part) => {
    const order = Array.from({ length: SETS[part].choose }, (_, at) => at);
    return { order, looks: looksOf(order.length) };
  };
  const { gate } = rule;
  return {
    series: SERIES.filter(({ values }) => values !== undefined || tunings === 3),
    rule: completeRule(rule),
    ...(gate !== undefined && { gate: parseGate(gate) }),
    items: { safety: of("safety"), task: of("task"), "over-refusal": of("over-refusal") },
  };
}

export interface Simulated {
  /** Its id, as `select` would choose: without the sentences and intervals, which take longer than all else. */
  readonly choice: string | undefined;
  readonly table: SelectionTable;
  /** New tokens: of the aligned and the fine-tuned models in both parts and of the test of the choice; and of the candidates. */
  readonly tokens: { readonly ends: number; readonly candidates: number };
}

export function qualifiedOf(table: SelectionTable, { rule, gate }: AdaptivePlan): Candidate[] {
  const judged = judge(table, rule, gate);
  const reasons = qualify(judged, rule);
  return judged.flatMap(({ candidate }, at) => (reasons[at] === undefined ? [candidate] : []));
}

function choiceOf(table: SelectionTable, plan: AdaptivePlan): Candidate | undefined {
  return qualifiedOf(table, plan).sort((a, b) => byScore(a, b))[0];
}

/** Over all recorded tunings and items: what is true of it, as far as anything is. */
export function truthOf(candidate: DeclaredCandidate): Record<Part, number> {
  const own = rows.filter((row) => nameOf(row) === nameOf(candidate));
  const mean = (part: Part) => {
    const { from, to } = SETS[part];
    const values = own.flatMap((row) => [...row.values.slice(from, to)].map(Number));
    return values.reduce((sum, one) => sum + one, 0) / values.length;
  };
  return { safety: mean("safety"), task: mean("task"), "over-refusal": mean("over-refusal") };
}

/** New tokens of some candidates, of all items that choose. */
export function candidateTokens(of: readonly DeclaredCandidate[], drawn: Drawn): number {
  const all = Object.values(drawn.items.choose).flat();
  return of.reduce((sum, one) => sum + tokensOf(rowsOf(one, drawn), all), 0);
}

function simulated(table: SelectionTable, plan: AdaptivePlan, drawn: Drawn, candidates: number): Simulated {
  const chosen = choiceOf(table, plan);
  return { choice: chosen && candidateId(chosen), table, tokens: { ends: endsOf(drawn, chosen), candidates } };
}

/** Of each candidate, [seed][item], the first items of what chooses. */
export type DrawnProxies = (candidate: DeclaredCandidate) => Pick<Screenable, "refusal" | "taskLoss">;

/** @returns also all that qualify, and whether proxies were trusted */
export function screened(plan: AdaptivePlan, whole: Simulated, proxies: DrawnProxies, limit = LEAST_AGREEMENT) {
  const { table: all } = whole;
  const idOf = (series: AdaptivePlan["series"][number]) => (value: number | undefined) =>
    candidateId(candidateOf(series, value));
  const inSample = new Set(plan.series.flatMap((one) => sampleOf(one).map(idOf(one))));
  const sample = all.candidates.filter((one) => inSample.has(candidateId(one)));
  const found = sampleFindings({ ...all, candidates: sample }, plan.rule);
  const read = sample.map(proxies);
  const lowest = (of: "refusal" | "taskLoss", metric: "asr" | "score") => {
    const turned = read.map((one) => one[of].map((row) => row.map((value) => (value === null ? null : -value))));
    const values = sample.map((one) => one[metric].values ?? []);
    return rankCorrelationInterval(turned, values, { resamples: 400 })?.low ?? -1;
  };
  const trusted = { refusal: lowest("refusal", "asr") >= limit, taskLoss: lowest("taskLoss", "score") >= limit };
  const byId = new Map(all.candidates.map((one) => [candidateId(one), one]));
  const ids = plan.series.map((one) => valuesInOrder(one).map(idOf(one)));
  const places = ids.map((own) => own.map((id) => ({ ...proxies(byId.get(id) as Candidate), found: found.get(id) })));
  const reasons = screenedOut(places, trusted);
  const out = new Set(ids.flatMap((own, of) => own.filter((_, at) => reasons[of]?.[at] !== undefined)));
  const unknown = { asr: { value: Number.NaN }, score: { value: Number.NaN }, unfinished: "screened" as const };
  const table = {
    ...all,
    candidates: all.candidates.map((one) => (out.has(candidateId(one)) ? { ...declaredOf(one), ...unknown } : one)),
  };
  return { table, trusted, out, choice: choiceOf(table, plan), qualified: qualifiedOf(table, plan) };
}

function declaredOf({ method, lambda, parameters, varied }: Candidate): DeclaredCandidate {
  return {
    method,
    ...(lambda !== undefined && { lambda }),
    ...(parameters && { parameters }),
    ...(varied && { varied }),
  };
}

function endsOf(drawn: Drawn, chosen: Candidate | undefined): number {
  const { choose, confirm } = drawn.items;
  const both = [...Object.values(choose), ...Object.values(confirm)].flat();
  const models = ["aligned", "tuned"].reduce((sum, method) => sum + tokensOf(rowsOf({ method }, drawn), both), 0);
  return models + (chosen ? tokensOf(rowsOf(chosen, drawn), Object.values(confirm).flat()) : 0);
}

export function full(plan: AdaptivePlan, drawn: Drawn): Simulated {
  const declared = declaredCandidates(plan);
  const table: SelectionTable = {
    aligned: pointOf({ method: "aligned" }, drawn),
    tuned: pointOf({ method: "tuned" }, drawn),
    candidates: declared.map((one) => ({ ...one, ...pointOf(one, drawn) })),
  };
  return simulated(table, plan, drawn, candidateTokens(declared, drawn));
}

export function adaptive(
  plan: AdaptivePlan,
  drawn: Drawn,
  onBlock?: (name: string, part: string, from: number, to: number) => void,
): Simulated {
  const { choose } = drawn.items;
  const candidates = new Map<string, CandidateSoFar>();
  const soFar = {
    aligned: pointOf({ method: "aligned" }, drawn),
    tuned: pointOf({ method: "tuned" }, drawn),
    candidates,
  };
  let tokens = 0;
  for (;;) {
    const blocks = nextBlocks(plan, soFar);
    if (blocks.length === 0) break;
    for (const { candidate, part, from, to } of blocks) {
      onBlock?.(nameOf(candidate), part, from, to);
      if (part === "skills") throw new Error("none were recorded");
      const { order } = plan.items[part];
      const of = rowsOf(candidate, drawn);
      tokens += tokensOf(
        of,
        order.slice(from, to).map((at) => choose[part][at] as number),
      );
      const values = valuesOf(of, choose[part], order.slice(0, to));
      candidates.set(candidateId(candidate), {
        ...candidates.get(candidateId(candidate)),
        [part]: { asked: to, values },
      });
    }
  }
  return simulated(finishedTable(plan, soFar), plan, drawn, tokens);
}
