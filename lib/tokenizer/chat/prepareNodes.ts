// Makes a parsed template ready for the bounded interpreter: marks what is printed, and the rounds of loops.

import type { Node } from "./jinja.js";

/** A statement that does nothing but be counted. */
export const TICK = { type: "Comment", value: "" } as Node;
/** Type of a node whose `expression` is printed. */
export const PRINT = "Print";

/** Nodes that do something; all others in a body are expressions to print. */
const STATEMENTS: ReadonlySet<string> = new Set([
  ..."If For Set Macro Break Continue CallStatement FilterStatement Comment Program".split(" "),
]);
/** Members that hold the statements of a node. */
const BODIES = ["body", "alternate", "defaultBlock"] as const;

/** Changes the nodes of a parsed template, which no one else has. */
export function prepareNodes(node: Node): Node {
  const changed = node as Record<string, unknown>;
  for (const name of BODIES) {
    const body = changed[name];
    if (!Array.isArray(body)) continue;
    const ready = (body as Node[]).map((child) =>
      STATEMENTS.has(child.type) ? prepareNodes(child) : ({ type: PRINT, expression: child } as Node),
    );
    // A loop's body may be empty, and would then run uncounted.
    changed[name] = node.type === "For" && name === "body" ? [TICK, ...ready] : ready;
  }
  return node;
}
