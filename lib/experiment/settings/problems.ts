// Collects what is wrong before a run, each with its place in the experiment, so that one error tells of all.

import { type ErrorCode, RetemperError } from "../../errors.js";
import type { LocatedDocument, Path, Position } from "../../recipe/located.js";
import { pathText } from "../../recipe/pathText.js";

export interface Place {
  /** Of the settings: what of them is wrong. */
  readonly path?: Path | undefined;
  readonly part?: "key" | "value" | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

/** What is wrong with which experiment. */
export interface Source {
  readonly file?: string | undefined;
  readonly document?: Pick<LocatedDocument, "locate"> | undefined;
  /** What to do where a problem says nothing of it; by default how to get an experiment to start from. */
  readonly hint?: string | undefined;
}

interface Problem {
  readonly text: string;
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly at: Position | undefined;
}

/** Nobody reads more of them. */
const MOST_LISTED = 50;
const HINT = "retemper init writes an experiment with a comment on every line";

export class Problems {
  readonly #found: Problem[] = [];
  readonly #texts = new Set<string>();
  readonly #paths: Path[] = [];
  readonly #source: Source;
  /** From a path of the settings to where it stood as given. */
  given: (path: Path) => Path = (path) => path;

  constructor(source: Source = {}) {
    this.#source = source;
  }

  /** Whether something is wrong with a part of the settings, or with what holds it. */
  touches(path: Path): boolean {
    const wanted = this.given(path);
    const isIn = (inner: Path, outer: Path) => outer.every((part, at) => inner[at] === part);
    return this.#paths.some((one) => isIn(one, wanted) || isIn(wanted, one));
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  /** @param path of the settings: what is to blame for a failure */
  async attempt<T>(work: () => Promise<T>, path?: Path): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RetemperError) || error.code === "CANCELLED") throw error;
      const { message, hint } = error;
      const name = path === undefined ? "" : `${pathText(this.given(path))}: `;
      // a command line would be wrong; here the experiment's text is
      this.add(name + message, error.code === "USAGE" ? "BAD_RECIPE" : error.code, { path, hint });
      return undefined;
    }
  }

  add(text: string, code: ErrorCode = "BAD_INPUT", { path, part, hint }: Place = {}): void {
    if (this.#texts.has(text)) return;
    this.#texts.add(text);
    const { document } = this.#source;
    // what stands under a misspelled key is read all the same
    if (path !== undefined && part !== "key") this.#paths.push(this.given(path));
    const at = path === undefined ? undefined : document?.locate(this.given(path), part);
    this.#found.push({ text, code, hint, at });
  }

  /** @throws RetemperError with all problems in the order of the text; those that are of no place in it come last */
  throwIfAny(): void {
    const order = ({ at }: Problem) => (at ? at.line * 1e6 + at.column : Number.POSITIVE_INFINITY);
    const sorted = [...this.#found].sort((a, b) => (order(a) === order(b) ? 0 : order(a) - order(b)));
    const [first] = sorted;
    if (first === undefined) return;
    const { file, hint: general = HINT } = this.#source;
    const facts = { file, ...first.at };
    if (sorted.length === 1) throw new RetemperError(first.code, first.text, { ...facts, hint: first.hint ?? general });
    const lines = sorted.slice(0, MOST_LISTED).map(({ text, hint, at }) => {
      const place = at === undefined ? "" : `line ${at.line}, column ${at.column}: `;
      return `- ${place}${text}${hint === undefined ? "" : ` (${hint})`}`;
    });
    if (sorted.length > MOST_LISTED) lines.push(`- and ${sorted.length - MOST_LISTED} more`);
    throw new RetemperError(this.#code(), `${sorted.length} problems:\n${lines.join("\n")}`, {
      ...facts,
      hint: general,
    });
  }

  /** Of all together: their own where they have one; else the text's, which is to be mended first. */
  #code(): ErrorCode {
    const codes = new Set(this.#found.map(({ code }) => code));
    const [only] = codes;
    if (codes.size === 1 && only !== undefined) return only;
    return codes.has("BAD_RECIPE") ? "BAD_RECIPE" : "BAD_INPUT";
  }
}
