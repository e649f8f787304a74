// Conditions that a merge must meet to be shipped: `asr <= aligned + 0.02 and score >= 90% * tuned`.
//
//   gate        = comparison { "and" comparison }
//   comparison  = metric [ end ] ( "<=" | "<" | ">=" | ">" ) sum | "keep" number [ "%" ] "of" skill
//   metric      = "asr" | "score" | "overRefusal" | "worstCategory" | skill
//   skill       = the name of one, in quotes where it is no plain word | "skills"     the worst of all
//   end         = ".point" | ".low" | ".high"
//   sum         = [ "-" ] term { ( "+" | "-" ) term }
//   term        = number [ "%" ] [ "*" model ] | model
//   model       = ( "aligned" | "tuned" ) [ "." metric ] [ end ]     the compared metric unless named

import { RetemperError } from "../errors.js";
import {
  type Comparison,
  type ComparisonOptions,
  compareWithGate,
  type Reference,
  type Term,
} from "./compareWithGate.js";
import type { GateMetric, GateVerdict, Point, SelectionTable } from "./types.js";

export interface Gate {
  readonly text: string;
  /** What it looks at, of whichever model. */
  readonly metrics: readonly GateMetric[];
  /** The names of the skills that it looks at; "skills": all. */
  readonly skills: readonly string[];
  /**
   * Whether a candidate passes, by one-sided bounds.
   * @throws RetemperError USAGE where a number that it names was not measured
   */
  passes(candidate: Point, table: SelectionTable, options?: ComparisonOptions): boolean;
  /** Each comparison with its numbers. @throws RetemperError USAGE as `passes` */
  verdicts(candidate: Point, table: SelectionTable, options?: ComparisonOptions): GateVerdict[];
}

const TOKEN =
  /\s*(<=|>=|<|>|[-+*%]|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|(?:[A-Za-z_]\w*|"[^"]*"|'[^']*')(?:\.(?:[A-Za-z_]\w*|"[^"]*"|'[^']*'))*|\S)/gy;
const METRICS: readonly string[] = ["asr", "score", "overRefusal", "worstCategory"];
const END = /\.(point|low|high)$/;
/** Names that no skill may have: they mean something else in a gate. */
export const RESERVED: readonly string[] = [...METRICS, "skills", "aligned", "tuned", "and", "keep", "of"];

/**
 * Reads a condition that a merge must meet to be shipped, such as `asr <= aligned + 0.02 and score >= 90% * tuned`.
 *
 * A comparison holds where the one-sided bound of what is on the left less the models on the right does: the upper bound
 * for `<=`, the lower one for `>=`; of the same items in pairs, where the table has them. `asr.point` compares the numbers
 * that were measured, `asr.low` and `asr.high` the ends of their 95 % intervals, in the same way of the models on the right.
 * `overRefusal` is the share of harmless requests that are refused. `worstCategory` is the attack success rate of that
 * category, among those of 20 items or more, in which the comparison comes out worst. A skill is named by its own name, and `skills`
 * is the one in which the comparison comes out worst. `keep .98 of gsm8k` is `gsm8k >= .98 * aligned`, and of a skill of which less is
 * better `<= aligned / .98`; of an aligned model's number below 0, such as a log-likelihood, the other way round: `>= aligned / .98`.
 * @param skills names that may stand in it, those of a table's `skills`; "any": those that no other word has
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
export function parseGate(text: string, skills: readonly string[] | "any" = []): Gate {
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
  const named = (word = ""): Reference | undefined => {
    const [, end] = END.exec(word) ?? [];
    const name = word.replace(END, "").replace(/^(["'])(.*)\1$/s, "$2");
    const of = { end: end as Reference["end"] };
    if (METRICS.includes(name)) return { metric: name as GateMetric, ...of };
    const quoted = name !== word.replace(END, "");
    const free = quoted || (/^[A-Za-z_]\w*$/.test(name) && !RESERVED.includes(name));
    const known = skills === "any" ? free : skills.includes(name) || (name === "skills" && skills.length > 0);
    if (name === "skills" && (known || skills === "any")) return { metric: "skill", ...of };
    return known ? { metric: "skill", skill: name, ...of } : undefined;
  };
  const metric = (): Reference => {
    const found = named(peek());
    const others =
      typeof skills === "string" || skills.length === 0 ? "" : `, or a skill: ${skills.join(", ")}, skills`;
    if (!found) return fail(`asr or score, overRefusal or worstCategory (also asr.point, asr.high, asr.low)${others}`);
    next += 1;
    return found;
  };
  const model = (left: Reference): NonNullable<Term["of"]> => {
    const [, name, rest] = /^(aligned|tuned)(?:\.(.+))?$/s.exec(peek() ?? "") ?? [];
    const ending = /^(?:point|low|high)$/.test(rest ?? "");
    const own =
      rest === undefined || ending ? { ...left, end: ending ? (rest as Reference["end"]) : undefined } : named(rest);
    if (name === undefined || !own) return fail("a number, aligned or tuned");
    // of the worst of several: each is compared with the same one
    const several = ({ metric: of, skill }: Reference) =>
      of === "worstCategory" || (of === "skill" && skill === undefined);
    if (several(own) !== several(left) || (several(own) && own.metric !== left.metric)) {
      fail(
        `a model's ${several(left) ? `own ${left.metric === "skill" ? "skills" : left.metric}` : "asr, score or overRefusal"}`,
      );
    }
    next += 1;
    return { model: name as "aligned" | "tuned", ...own };
  };
  const number = (): number => {
    let value = Number(next < tokens.length && /^[\d.]/.test(peek() ?? "") ? peek() : fail("a number"));
    next += 1;
    if (peek() === "%") {
      value /= 100;
      next += 1;
    }
    return value;
  };
  const keep = (): Comparison => {
    const first = tokens[next]?.at ?? 0;
    next += 1;
    const share = number();
    if (!(share > 0 && share <= 1)) fail("a share above 0 and at most 1 before it");
    if (peek() !== "of") fail('"of"');
    next += 1;
    const left = metric();
    if (left.metric !== "skill" || left.end !== undefined) {
      next -= 1;
      fail("the name of a skill, or skills");
    }
    const right = [{ factor: share, of: { model: "aligned" as const, ...left } }];
    return { left, operator: ">=", right, keeps: true, gate: text, text: wordsFrom(first) };
  };
  const wordsFrom = (first: number) => text.slice(first, tokens[next]?.at ?? text.length).trim();
  const term = (left: Reference, sign: number): Term => {
    if (!/^[\d.]/.test(peek() ?? "")) return { factor: sign, of: model(left) };
    const factor = sign * number();
    if (peek() !== "*") return { factor };
    next += 1;
    return { factor, of: model(left) };
  };
  const comparison = (): Comparison => {
    if (peek() === "keep") return keep();
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
    return { left, operator, right, gate: text, text: wordsFrom(first) };
  };

  const comparisons = [comparison()];
  while (peek() !== undefined) {
    if (peek() !== "and") fail('"and" or the end');
    next += 1;
    comparisons.push(comparison());
  }
  const verdicts: Gate["verdicts"] = (candidate, table, options) =>
    comparisons.map((one) => compareWithGate(one, candidate, table, options));
  const references = comparisons.flatMap(({ left, right }) => [left, ...right.flatMap(({ of }) => of ?? [])]);
  const wanted = references.flatMap(({ metric: of, skill = "skills" }) => (of === "skill" ? [skill] : []));
  return {
    text,
    metrics: [...new Set(references.map((one) => one.metric))],
    skills: [...new Set(wanted)],
    verdicts,
    passes: (...of) => verdicts(...of).every(({ holds }) => holds),
  };
}
