// The choices of a search on the set that confirms: whether each holds, and whether any is better than the plain lambda.

import { skillFacts } from "../experiment/checks/skillFacts.js";
import { pairedTests } from "../experiment/results/significance.js";
import type { SearchChoice, SearchResults } from "../report/search/types.js";
import type { Measured } from "../report/types.js";
import { confirm } from "../select/confirmChoice.js";
import { byScore } from "../select/order.js";
import type { CompleteRule } from "../select/types.js";
import type { JudgedFinalist } from "./finalists.js";
import type { SearchEnds, SetName } from "./measureEnds.js";
import { measureMerges } from "./measureMerges.js";
import { numbersOf } from "./numbersOf.js";
import type { OpenSearch } from "./openSearch.js";
import type { MeasuredCandidates } from "./searchAll.js";

/** For people. */
export const CHOICES = "choices on the confirming set";

export async function confirmChoices(
  chosen: readonly JudgedFinalist<MeasuredCandidates>[],
  { settings, checked, tuned, groups, measuring, graph, better }: OpenSearch,
  ends: Readonly<Record<SetName, SearchEnds>>,
  rule: CompleteRule,
): Promise<Pick<SearchResults, "choices" | "tests" | "best">> {
  if (chosen.length === 0) return { choices: [], tests: [] };
  const parts = { aligned: settings.aligned, tuned, groups, measuring, graph };
  const points = chosen.map(({ finalist }) => finalist.coefficients);
  const { measured: third } = await measureMerges(parts, points, ends.confirm, CHOICES);
  const skills = skillFacts(checked, "test");
  const { aligned, tuned: fineTuned } = ends.confirm;
  const table = { better, aligned, tuned: fineTuned, candidates: [], ...(skills && { skills }) };
  const sign = better === "low" ? -1 : 1;
  const choices = chosen.map(({ finalist, measured }, at): SearchChoice => {
    const { way, number, coefficients } = finalist;
    const own = third[at] as Measured;
    const difference = (key: "score" | "asr") => finalist.measured[key].value - own[key].value;
    return {
      ...{ way, number, coefficients },
      search: numbersOf(finalist.measured, ends.search, rule, better),
      choose: numbersOf(measured, ends.choose, rule, better),
      confirm: numbersOf(own, ends.confirm, rule, better),
      holds: confirm(table, { method: way, ...own }, rule).holds,
      optimism: { score: sign * difference("score"), asr: difference("asr") },
      recipes: tuned.map(({ seed }) => ({ seed, path: `recipes/${way}-seed-${seed}.yml` })),
    };
  });
  const tests = pairedTests([
    { name: "aligned", measured: aligned },
    ...choices.map(({ way }, at) => ({ name: way, measured: third[at] as Measured })),
  ]);
  // by the set that chooses: what confirms says yes or no
  const [best] = chosen
    .map(({ finalist: { way }, measured }) => ({ method: way, ...measured }))
    .filter((_, at) => choices[at]?.holds)
    .sort((a, b) => byScore(a, b, better));
  return { choices, tests, ...(best && { best: best.method }) };
}
