// The prompts that two models read differently.

import type { TextComparison, TextDifference } from "../types.js";
import { aroundDifference, type ReadPrompt, sameIds } from "./compareText.js";

/** Undefined stands for a prompt of which only one side tells how it reads it. */
export function compareReads(
  a: readonly (ReadPrompt | undefined)[],
  b: readonly (ReadPrompt | undefined)[],
): TextComparison {
  const differences: TextDifference[] = [];
  let compared = 0;
  for (const [prompt, one] of a.entries()) {
    const other = b[prompt];
    if (one === undefined || other === undefined) continue;
    compared += 1;
    const refused = one.refused !== other.refused;
    if (!refused && sameIds(one.ids, other.ids)) continue;
    if (refused) differences.push({ prompt, what: "refused", a: one.refused ?? "", b: other.refused ?? "" });
    else if (one.rendered !== undefined && other.rendered !== undefined && one.rendered !== other.rendered) {
      differences.push({ prompt, what: "rendered", ...aroundDifference(one.rendered, other.rendered) });
    } else {
      const shown = ({ ids }: ReadPrompt) => `${ids.slice(0, 12).join(" ")}${ids.length > 12 ? " …" : ""}`;
      differences.push({ prompt, what: "tokens", a: shown(one), b: shown(other) });
    }
  }
  return { same: compared - differences.length, compared, differences };
}
