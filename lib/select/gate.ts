// Conditions that a merge must meet to be shipped: `asr <= aligned + 0.02 and score >= 90% * tuned`.
//
//   gate        = comparison { "and" comparison }
//   comparison  = metric ( "<=" | "<" | ">=" | ">" ) sum
//   metric      = ( "asr" | "score" ) [ ".low" | ".high" ]
//   sum         = [ "-" ] term { ( "+" | "-" ) term }
//   term        = number [ "%" ] [ "*" model ] | model
//   model       = ( "aligned" | "tuned" ) [ ".asr" | ".score" ] [ ".low" | ".high" ]     the compared metric unless named

import { RetemperError } from "../errors.js";
import type { Point, SelectionTable } from "./types.js";

interface Reference {
  readonly metric: "asr" | "score";
  readonly end: "value" | "low" | "high";
}

interface Term {
  readonly factor: number;
  readonly of?: (Reference & { readonly model: "aligned" | "tuned" }) | undefined;
}

interface Comparison {
  readonly left: Reference;
  readonly operator: "<=" | "<" | ">=" | ">";
  readonly right: readonly Term[];
}

export interface Gate {
  readonly text: string;
  /** Whether a candidate passes. @throws RetemperError USAGE where a number that it names was not measured */
  passes(candidate: Point, table: SelectionTable): boolean;
}

const TOKEN = /\s*(<=|>=|<|>|[-+*%]|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|[A-Za-z]+(?:\.[A-Za-z]+)*|\S)/gy;

/**
 * Reads a condition that a merge must meet to be shipped, such as `asr <= aligned + 0.02 and score >= 90% * tuned`.
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
    const [, name, end] = /^(asr|score)(?:\.(low|high))?$/.exec(peek() ?? "") ?? [];
    if (name === undefined) fail("asr or score (or asr.high, asr.low)");
    next += 1;
    return { metric: name as Reference["metric"], end: (end ?? "value") as Reference["end"] };
  };
  const model = (left: Reference): NonNullable<Term["of"]> => {
    const match = /^(aligned|tuned)(?:\.(asr|score))?(?:\.(low|high))?$/.exec(peek() ?? "");
    if (!match) fail("a number, aligned or tuned");
    next += 1;
    const [, name, own, end] = match ?? [];
    return {
      model: name as "aligned" | "tuned",
      metric: (own ?? left.metric) as Reference["metric"],
      end: (end ?? "value") as Reference["end"],
    };
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
    return { left, operator, right };
  };

  const comparisons = [comparison()];
  while (peek() !== undefined) {
    if (peek() !== "and") fail('"and" or the end');
    next += 1;
    comparisons.push(comparison());
  }
  return {
    text,
    passes: (candidate, table) => comparisons.every((one) => holds(one, candidate, table, text)),
  };
}

function holds({ left, operator, right }: Comparison, candidate: Point, table: SelectionTable, text: string): boolean {
  const bound = right.reduce((sum, { factor, of }) => {
    if (!of) return sum + factor;
    const point = table[of.model];
    if (!point) {
      throw new RetemperError(
        "USAGE",
        `The gate ${JSON.stringify(text)} names the ${of.model} model, which is not there.`,
        {
          hint: "compare with a number, or with a model that was evaluated",
        },
      );
    }
    return sum + factor * read(point, of, text);
  }, 0);
  const value = read(candidate, left, text);
  // 0.1 + 0.02 is a little less than 0.12 in binary: what is equal on paper is equal here
  const slack = 1e-12;
  if (operator === "<=") return value <= bound + slack;
  if (operator === ">=") return value >= bound - slack;
  return operator === "<" ? value < bound - slack : value > bound + slack;
}

function read(point: Point, { metric, end }: Reference, text: string): number {
  const value = point[metric][end];
  if (value === undefined) {
    throw new RetemperError(
      "USAGE",
      `The gate ${JSON.stringify(text)} asks for ${metric}.${end}, which was not measured.`,
      {
        hint: `leave .${end} out to compare the value itself`,
      },
    );
  }
  return value;
}
