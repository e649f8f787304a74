// Python's regular expressions as `re` has them: findall and sub. What a pattern may hold is in translatePattern.ts.

import { withTimeLimit } from "../../../tokenizer/text/timeLimit.js";
import { type Flags, PatternError, translatePattern } from "./translatePattern.js";

/** Of a replacement: a text, or a group of the match by its number or name. */
type Part = string | { readonly group: number | string };

export class PythonRegex {
  readonly pattern: string;
  readonly #expression: RegExp;
  readonly #groups: number;
  readonly #names: readonly string[];

  /** @throws PatternError for what is no pattern, or holds what is not known here */
  constructor(pattern: string, flags: Flags = {}) {
    const { source, ignoreCase } = translatePattern(pattern, flags);
    this.pattern = pattern;
    this.#expression = new RegExp(source, ignoreCase ? "giv" : "gv");
    const empty = new RegExp(`${source}|`, "v").exec("");
    this.#groups = (empty?.length ?? 1) - 1;
    this.#names = Object.keys(empty?.groups ?? {});
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
   * @param allow is told how long all that replaces matches will be, before each piece of it is made, and may refuse it
   * @throws PatternError for a replacement that names a group which there is not
   */
  replace(text: string, replacement: string, count = 0, allow?: (characters: number) => void): string {
    const parts = this.#partsOf(replacement);
    let left = 0;
    let together = 0;
    const replaced = (...args: unknown[]): string => {
      const index = args.find((argument) => typeof argument === "number") as number;
      if (splitsPair(text, index) || left-- <= 0) return args[0] as string;
      const groups = args as readonly (string | undefined)[];
      const named = args.at(-1) as Readonly<Record<string, string | undefined>>;
      const made = parts.map((part) =>
        typeof part === "string" ? part : typeof part.group === "number" ? groups[part.group] : named[part.group],
      );
      together += made.reduce((sum, part) => sum + (part?.length ?? 0), 0);
      allow?.(together);
      return made.join("");
    };
    return this.#timed(text, () => {
      left = count === 0 ? Number.POSITIVE_INFINITY : count; // the work may begin again
      together = 0;
      return text.replace(this.#expression, replaced);
    });
  }

  #partsOf(replacement: string): Part[] {
    const parts: Part[] = [];
    let end = 0;
    for (const found of replacement.matchAll(/\\(?:g<(\w+)>|([1-9]\d?)|(0)|(.))/gs)) {
      const [all, name, number, zero, other] = found;
      parts.push(replacement.slice(end, found.index));
      end = found.index + all.length;
      const reference = name ?? number;
      if (reference === undefined) parts.push(zero !== undefined ? "\0" : (ESCAPES[other as string] ?? all));
      else parts.push({ group: this.#groupOf(reference) });
    }
    return [...parts, replacement.slice(end)].filter((part) => part !== "");
  }

  #groupOf(reference: string): number | string {
    const group = /^\d+$/.test(reference) ? Number(reference) : reference;
    const there = typeof group === "number" ? group <= this.#groups : this.#names.includes(group);
    if (there) return group;
    throw new PatternError(`there is no group ${reference}`);
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
