// The limits on what a YAML text holds and how deep it nests, checked on its tokens and its syntax tree: both before
// the composer, which is recursive.

import { CST, Lexer } from "yaml";
import { DocumentError, type Position } from "./located.js";
import { MAX_DEPTH, type TextLimits } from "./textLimits.js";

/** Counts values, flow brackets and the indicators of one line; other nesting is bounded by the text's size. */
export function boundLexically(text: string, { noun, maxValues }: TextLimits): void {
  let flow = 0;
  let indicators = 0;
  let scalars = 0;
  let line = 1;
  for (const token of new Lexer().lex(text)) {
    switch (CST.tokenType(token)) {
      case "newline":
        indicators = 0;
        break;
      case "flow-map-start":
      case "flow-seq-start":
        flow += 1;
        break;
      case "flow-map-end":
      case "flow-seq-end":
        flow = Math.max(flow - 1, 0);
        break;
      case "scalar":
      case "alias":
      case "single-quoted-scalar":
      case "double-quoted-scalar":
        scalars += 1;
        break;
      case "seq-item-ind":
      case "explicit-key-ind":
      case "map-value-ind":
        // Inside brackets these do not nest.
        if (flow === 0) indicators += 1;
        break;
      default:
        break;
    }
    if (flow + indicators > MAX_DEPTH) throw new DocumentError(`the ${noun} is nested too deeply`, { line, column: 1 });
    // Keys and values.
    if (scalars > 2 * maxValues) {
      throw new DocumentError(`the ${noun} has more than ${maxValues} values`, { line, column: 1 });
    }
    for (let from = token.indexOf("\n"); from !== -1; from = token.indexOf("\n", from + 1)) line += 1;
  }
}

/** Walks the syntax tree without recursion: the composer, which comes next, is recursive. */
export function boundNesting(
  tokens: readonly CST.Token[],
  at: (offset: number) => Position,
  { noun }: TextLimits,
): void {
  const pending = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) throw new DocumentError(`the ${noun} is nested too deeply`, at(token.offset));
    const inner: (CST.Token | null | undefined)[] = [];
    if (token.type === "document") inner.push(token.value);
    if ("items" in token) for (const item of token.items) inner.push(item.key, item.value);
    for (const child of inner) if (child) pending.push({ token: child, depth: depth + 1 });
  }
}
