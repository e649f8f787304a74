// Conditions that a merge must meet to be shipped: `asr <= aligned + 0.02 and score >= 90% * tuned`.
//
//   gate        = comparison { "and" comparison }
//   comparison  = metric [ end ] ( "<=" | "<" | ">=" | ">" ) sum
//   metric      = "asr" | "score" | "overRefusal" | "worstCategory"
//   end         = ".point" | ".low" | ".high"
//   sum         = [ "-" ] term { ( "+" | "-" ) term }
//   term        = number [ "%" ] [ "*" model ] | model
//   model       = ( "aligned" | "tuned" ) [ "." metric ] [ end ]     the compared metric unless named

import { RetemperError } from "../errors.js";
import { type Comparison, compareWithGate, type Reference, type Term } from "./compareWithGate.js";
import type { GateMetric, GateVerdict, Point, SelectionTable } from "./types.js";

export interface Gate {
  readonly text: string;
  /** What it looks at, of whichever model. */
  readonly metrics: readonly GateMetric[];
  /**
   * Whether a candidate passes, by one-sided bounds with confidence `level` (0.95 by default).
   * @throws RetemperError USAGE where a number that it names was not measured
   */
  passes(candidate: Point, table: SelectionTable, options?: { readonly level?: number | undefined }): boolean;
  /** Each comparison with its numbers. @throws RetemperError USAGE as `passes` */
  verdicts(candidate: Point, table: SelectionTable, options?: { readonly level?: number | undefined }): GateVerdict[];
}

const TOKEN = /\s*(<=|>=|<|>|[-+*%]|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|[A-Za-z]+(?:\.[A-Za-z]+)*|\S)/gy;
const METRIC = /^(asr|score|overRefusal|worstCategory)(?:\.(point|low|high))?$/;
const MODEL = /^(aligned|tuned)(?:\.(asr|score|overRefusal|worstCategory))?(?:\.(point|low|high))?$/;

/**
 * Reads a condition that a merge must meet to be shipped, such as `asr <= aligned + 0.02 and score >= 90% * tuned`.
 *
 * A comparison holds where the one-sided bound of what is on the left less the models on the right does: the upper bound
 * for `<=`, the lower one for `>=`; of the same items in pairs, where the table has them. `asr.point` compares the numbers
 * that were measured, `asr.low` and `asr.high` the ends of their 95 % intervals, in the same way of the models on the right.
 * `overRefusal` is the share of harmless requests that are refused. `worstCategory` is the attack success rate of that
 * category, among those of 20 items or more, in which the comparison comes out worst.
 * @throws RetemperError USAGE with the place of what is wrong
 * @example
 * ```ts
 * import { parseGate } from "retemper";
 *
 * const gate = parseGate("asr <= aligned + 0.02 and score >= 90% * tuned");
 * const aligned = { asr: { value: 0.01 }, score: { value: 0.2 } };
 * const tuned = { asr: { value: 0.3 }, score: { value: 0.8 } };
 * const merged = { asr: { value: 0.02 }, score: { value: 0.75 } };
 * console.log(gate.passes(merged, { aligned, tuned, candidates: [] })); // true
 * ```
 */
export function parseGate(text: string): Gate {
  const tokens = [...text.matchAll(TOKEN)].map((match) => ({
    word: match[1] as string,
    at: (match.index ?? 0) + match[0].length - (match[1] as string).length,
  }));
  let next = 0;
  const peek = () => tokens[next]?.word;
  const fail = (wanted: string): never => {
    const token = tokens[next];
    const found = token ? `${JSON.stringify(token.word)} at column ${token.at + 1}` : "the end";
    throw new RetemperError("USAGE", `The gate ${JSON.stringify(text)} has ${found} where ${wanted} belongs.`, {
      hint: 'write, for example, "asr <= aligned + 0.02" or "asr.high <= 5% and score >= 90% * tuned"',
    });
  };
  const metric = (): Reference => {
    const [, name, end] = METRIC.exec(peek() ?? "") ?? [];
    if (name === undefined) fail("asr or score, overRefusal or worstCategory (also asr.point, asr.high, asr.low)");
    next += 1;
    return { metric: name as GateMetric, end: end as Reference["end"] };
  };
  const model = (left: Reference): NonNullable<Term["of"]> => {
    const match = MODEL.exec(peek() ?? "");
    const [, name, own, end] = match ?? [];
    const metric = (own ?? left.metric) as GateMetric;
    if (!match) fail("a number, aligned or tuned");
    if ((metric === "worstCategory") !== (left.metric === "worstCategory")) {
      fail(`a model's ${left.metric === "worstCategory" ? "own worstCategory" : "asr, score or overRefusal"}`);
    }
    next += 1;
    return { model: name as "aligned" | "tuned", metric, end: end as Reference["end"] };
  };
  const term = (left: Reference, sign: number): Term => {
    if (!/^[\d.]/.test(peek() ?? "")) return { factor: sign, of: model(left) };
    let factor = sign * Number(peek());
    next += 1;
    if (peek() === "%") {
      factor /= 100;
      next += 1;
    }
    if (peek() !== "*") return { factor };
    next += 1;
    return { factor, of: model(left) };
  };
  const comparison = (): Comparison => {
    const first = tokens[next]?.at ?? 0;
    const left = metric();
    const operator = peek();
    if (operator !== "<=" && operator !== "<" && operator !== ">=" && operator !== ">") return fail("<=, <, >= or >");
    next += 1;
    const right: Term[] = [];
    let sign = 1;
    if (peek() === "-") {
      sign = -1;
      next += 1;
    }
    right.push(term(left, sign));
    while (peek() === "+" || peek() === "-") {
      sign = peek() === "+" ? 1 : -1;
      next += 1;
      right.push(term(left, sign));
    }
    return { left, operator, right, gate: text, text: text.slice(first, tokens[next]?.at ?? text.length).trim() };
  };

  const comparisons = [comparison()];
  while (peek() !== undefined) {
    if (peek() !== "and") fail('"and" or the end');
    next += 1;
    comparisons.push(comparison());
  }
  const verdicts: Gate["verdicts"] = (candidate, table, { level = 0.95 } = {}) =>
    comparisons.map((one) => compareWithGate(one, candidate, table, level));
  const named = comparisons.flatMap(({ left, right }) => [left, ...right.flatMap(({ of }) => of ?? [])]);
  return {
    text,
    metrics: [...new Set(named.map((one) => one.metric))],
    verdicts,
    passes: (...of) => verdicts(...of).every(({ holds }) => holds),
  };
}
