// Where a text stops being JSON, by jsonc-parser. JSON.parse, which is several times as fast, reads what is right.

import { createScanner, type JSONVisitor, visit } from "jsonc-parser";

/** Deepest nesting of objects and lists in a file that is read here; configurations need about five. */
export const MAX_DEPTH = 200;

/** What is wrong first in a text, and where: 1-based. */
export interface JsonFault {
  /** Nested deeper than MAX_DEPTH, rather than no JSON. */
  readonly deep: boolean;
  readonly line: number;
  readonly column: number;
}

/** The first fault of a text, nesting before syntax; undefined for JSON. */
export function jsonFault(text: string): JsonFault | undefined {
  // The parser is recursive, so that the depth must be known before.
  return tooDeep(text) ?? syntaxFault(text);
}

/** Where the nesting is too deep. */
function tooDeep(text: string): JsonFault | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (;;) {
    scanner.scan();
    const first = text[scanner.getTokenOffset()];
    if (first === undefined) return undefined;
    if (first === "{" || first === "[") depth += 1;
    if (first === "}" || first === "]") depth -= 1;
    if (depth > MAX_DEPTH) {
      return { deep: true, line: scanner.getTokenStartLine() + 1, column: scanner.getTokenStartCharacter() + 1 };
    }
  }
}

/** A fault that ends the visit. */
class Found extends Error {
  readonly fault: JsonFault;
  constructor(fault: JsonFault) {
    super();
    this.fault = fault;
  }
}

function syntaxFault(text: string): JsonFault | undefined {
  const onError: JSONVisitor["onError"] = (_code, _offset, _length, line, character) => {
    throw new Found({ deep: false, line: line + 1, column: character + 1 });
  };
  try {
    visit(text, { onError }, { disallowComments: true, allowTrailingComma: false });
  } catch (error) {
    if (error instanceof Found) return error.fault;
    throw error;
  }
  return undefined;
}
