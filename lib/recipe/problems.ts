// What is wrong with a recipe, gathered with its places, and reported as one error.

import { RetemperError } from "../errors.js";
import type { LocatedDocument, Path, Position } from "./located.js";
import { pathText } from "./pathText.js";

interface Problem {
  readonly message: string;
  readonly hint: string | undefined;
  readonly at: Position | undefined;
}

/** Most further problems that a message lists after the first. */
const MOST_LISTED = 8;

/** Collects every problem of one recipe, so that the user sees them all at once. */
export class Problems {
  private readonly found: Problem[] = [];
  private readonly noted = new Set<string>();
  private readonly document: LocatedDocument;
  private readonly file: string | undefined;
  private readonly positions: boolean;

  /** @param positions false for a recipe given as an object: its text is ours, and lines would mislead */
  constructor(document: LocatedDocument, file: string | undefined, positions: boolean) {
    this.document = document;
    this.file = file;
    this.positions = positions;
  }

  /** Records a problem with the value (or the key) at a path. */
  add(path: Path, message: string, hint?: string, part: "key" | "value" = "value"): void {
    const at = this.positions ? this.document.locate(path, part) : undefined;
    const name = pathText(path);
    this.found.push({ message: name === "" ? message : `${name}: ${message}`, hint, at });
  }

  /** Records a warning; the same text counts once. */
  warn(message: string): void {
    this.noted.add(message);
  }

  get warnings(): readonly string[] {
    return [...this.noted];
  }

  get any(): boolean {
    return this.found.length > 0;
  }

  /** @throws RetemperError BAD_RECIPE with the first problem in the order of the text, and the others below it */
  throwIfAny(): void {
    if (!this.any) return;
    const sorted = this.found
      .map((problem, index) => ({ problem, index }))
      .sort((a, b) => (a.problem.at?.line ?? 0) - (b.problem.at?.line ?? 0) || a.index - b.index)
      .map(({ problem }) => problem);
    const [first, ...others] = sorted as [Problem, ...Problem[]];
    const listed = others.slice(0, MOST_LISTED).map((problem) => `\n  also ${place(problem.at)}${problem.message}`);
    const left = others.length - listed.length;
    if (left > 0) listed.push(`\n  and ${left} more`);
    throw badRecipe(first.message + listed.join(""), first.at, this.file, first.hint);
  }
}

/** The error for one problem. Without a file the position goes into the message. */
export function badRecipe(
  message: string,
  at: Position | undefined,
  file: string | undefined,
  hint: string | undefined,
  cause?: unknown,
): RetemperError {
  return new RetemperError("BAD_RECIPE", file === undefined ? place(at) + message : message, {
    file,
    hint,
    line: at?.line,
    column: at?.column,
    cause,
  });
}

function place(at: Position | undefined): string {
  return at === undefined ? "" : `line ${at.line}, column ${at.column}: `;
}
