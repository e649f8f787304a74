// YAML (and so JSON) text to plain values, with the place of every value and key.
// The text may be hostile: nesting, aliases and size are bounded before anything recursive sees them, keys are
// unique, and `__proto__` never becomes one.

import { Composer, type Document, isMap, isScalar, LineCounter, type Node, Parser } from "yaml";
import { boundLexically, boundNesting } from "./boundNesting.js";
import { documentValue } from "./documentValue.js";
import { DocumentError, type LocatedDocument, type Position } from "./located.js";
import { RECIPE_LIMITS, type TextLimits } from "./textLimits.js";

/** One of several documents; its text can be had by itself. */
export interface SeparateDocument extends LocatedDocument {
  readonly start: Position;
  /** The document as YAML with its comments, without `---`, and without one key at the top. */
  textWithout(key: string): string;
}

/**
 * Reads one document.
 *
 * @throws DocumentError for syntax errors, several documents, duplicate or unsafe keys, unresolved or recursive
 * aliases, tags, and anything over the limits above
 */
export function readDocument(text: string): LocatedDocument {
  const documents = readDocuments(text);
  const [document, second] = documents;
  if (document !== undefined && second === undefined) return document;
  throw new DocumentError(
    `${documents.length} recipes in one file, expected one`,
    second?.start,
    "split the file at its `---` lines, or merge them all with `retemper batch`",
  );
}

/**
 * Reads every document of a text; empty ones do not count.
 *
 * @returns at least one
 * @throws DocumentError as `readDocument` does
 */
export function readDocuments(text: string, limits: TextLimits = RECIPE_LIMITS): SeparateDocument[] {
  if (text.length > limits.maxText)
    throw new DocumentError(`the ${limits.noun} is larger than ${limits.maxText} characters`);
  const lines = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  boundLexically(text, limits);
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  boundNesting(tokens, at, limits);
  // Keys are compared in documentValue(), in linear time; the composer's own check is quadratic.
  const composer = new Composer({ lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: false });
  const documents = [...composer.compose(tokens)].filter(hasContent);
  if (documents.length === 0) throw new DocumentError(`the ${limits.noun} is empty`);
  return documents.map((document, index) => {
    const from = documents[index - 1]?.range[2] ?? 0;
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw new DocumentError(problem.message, at(problem.pos[0]));
    const located = documentValue(document.contents as Node, at, limits);
    return {
      ...located,
      start: at(document.range[0]),
      textWithout: (key) => textWithout(key, located.value, document, text.slice(from, document.range[2])),
    };
  });
}

/** As it was written, where the key is on lines of its own; else formatted again. */
function textWithout(key: string, value: unknown, document: Document.Parsed, text: string): string {
  const lines = text.split("\n").filter((line) => !line.startsWith(`${key}:`) && !/^(---|\.\.\.)\s*$/.test(line));
  const written = lines.join("\n");
  const { [key]: _left, ...wanted } = value as Record<string, unknown>;
  if (meaning(written) === JSON.stringify(wanted)) return written;
  const copy = document.clone();
  if (isMap(copy.contents)) copy.delete(key);
  return copy.toString({ lineWidth: 0, directives: false });
}

function meaning(text: string): string | undefined {
  try {
    return JSON.stringify(readDocument(text).value);
  } catch {
    return undefined;
  }
}

function hasContent(document: Document): boolean {
  return document.errors.length > 0 || (document.contents !== null && !isEmptyScalar(document.contents));
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && node.value === null && (node.source === undefined || node.source === "");
}
