// What came of the lambdas that were asked between two of the grid, in words.

import type { RefinedResults } from "../../report/types.js";

export function refinedText({
  from,
  between: [low, high],
  points,
  better,
  confirmations,
  taken,
}: Omit<RefinedResults, "sentence">): string {
  const count = points.length === 1 ? "one lambda" : `${points.length} lambdas`;
  const asked = `The grid's choice was ${from}. Between lambda ${low} and ${high}, ${count} (${points.map(({ lambda }) => lambda).join(", ")}) ${points.length === 1 ? "was" : "were"} added after it was known, which is exploratory`;
  if (better === undefined) return `${asked}: the rule takes none of them instead.`;
  if (taken) {
    return `${asked}. The rule takes ${better} instead. On the items that confirm, the grid's choice was tested first, then ${better}, each at the whole level; both hold, so that ${better} is the choice.`;
  }
  const why =
    confirmations.length < 2
      ? "the grid's choice, which is tested first, does not hold, so that the other is not tested"
      : `${better} does not hold`;
  return `${asked}. The rule would take ${better} instead, but on the items that confirm ${why}: the grid's choice stays.`;
}
