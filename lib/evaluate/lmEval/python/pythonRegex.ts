// Python's regular expressions as `re` has them: findall and sub. What a pattern may hold is in translatePattern.ts.

import { withTimeLimit } from "../../../tokenizer/text/timeLimit.js";
import { type Flags, PatternError, translatePattern } from "./translatePattern.js";

export class PythonRegex {
  readonly pattern: string;
  readonly #expression: RegExp;
  readonly #groups: number;

  /** @throws PatternError for what is no pattern, or holds what is not known here */
  constructor(pattern: string, flags: Flags = {}) {
    const { source, ignoreCase } = translatePattern(pattern, flags);
    this.pattern = pattern;
    this.#expression = new RegExp(source, ignoreCase ? "giv" : "gv");
    this.#groups = (new RegExp(`${source}|`, "v").exec("")?.length ?? 1) - 1;
  }

  /** `re.findall`: the matches; with one group its texts; with several, all groups of each match, "" where one took no part. */
  findAll(text: string): (string | string[])[] {
    const found = this.#timed(text, () => [...text.matchAll(this.#expression)]);
    const matches = found.filter(({ index }) => !splitsPair(text, index));
    return matches.map((match) => {
      if (this.#groups === 0) return match[0];
      const groups = match.slice(1).map((group) => group ?? "");
      return this.#groups === 1 ? (groups[0] as string) : groups;
    });
  }

  /**
   * `re.sub`.
   * @param replacement with \1, \g<1>, \g<name> and \n as Python has them
   * @param count matches that are replaced at most; 0 (the default): all
   */
  replace(text: string, replacement: string, count = 0): string {
    let left = 0;
    const replaced = (...args: unknown[]): string => {
      const index = args.find((argument) => typeof argument === "number") as number;
      if (splitsPair(text, index) || left-- <= 0) return args[0] as string;
      const named = typeof args.at(-1) === "object" ? (args.at(-1) as Record<string, string | undefined>) : {};
      return filled(replacement, args as (string | undefined)[], named, this.#groups);
    };
    return this.#timed(text, () => {
      left = count === 0 ? Number.POSITIVE_INFINITY : count; // the work may begin again
      return text.replace(this.#expression, replaced);
    });
  }

  /** Patterns come from files of anybody, and some take exponential time. */
  #timed<T>(text: string, work: () => T): T {
    const hint = "it goes back and forth without end: get the task from a source that you trust";
    return withTimeLimit(text.length, { what: `the pattern ${JSON.stringify(this.pattern)}`, hint }, work);
  }
}

/** V8 also finds empty matches within a character of two units, which no pattern means. */
function splitsPair(text: string, at: number): boolean {
  return /[\ud800-\udbff]/.test(text[at - 1] ?? "") && /[\udc00-\udfff]/.test(text[at] ?? "");
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  f: "\f",
  v: "\v",
  "\\": "\\",
};

function filled(
  replacement: string,
  groups: readonly (string | undefined)[],
  named: Readonly<Record<string, string | undefined>>,
  count: number,
): string {
  return replacement.replace(/\\(?:g<(\w+)>|([1-9]\d?)|(0)|(.))/gs, (all, name, number, zero, other) => {
    if (zero !== undefined) return "\0";
    if (other !== undefined) return ESCAPES[other as string] ?? (all as string);
    const reference = (name ?? number) as string;
    if (!/^\d+$/.test(reference)) return named[reference] ?? "";
    if (Number(reference) > count) throw new PatternError(`there is no group ${reference}`);
    return groups[Number(reference)] ?? "";
  });
}
