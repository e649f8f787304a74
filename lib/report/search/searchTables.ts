// What a search says, as data: its sentences and its tables, for search.md and search.html.

import { fixed, pText, signed } from "../numbers.js";
import type { ReportTable } from "../tables/reportTable.js";
import {
  type SearchChoice,
  type SearchNumbers,
  type SearchResults,
  type SearchWay,
  WAYS,
  type WayCosts,
} from "./types.js";

const SETS = ["search", "choose", "confirm"] as const;

export function ruleText({ rule, labels, items }: SearchResults): string {
  const counts = SETS.map((set) => `${set}: ${items[set].safety} requests and ${items[set].task} of the task`);
  return `A merge is within the margin where the one-sided upper bound (${rule.level}) of its ${labels.asr} less the aligned model's is at most ${rule.margin}; a choice keeps ${rule.minGain} of the fine-tuned model's gain. Items of the three sets: ${counts.join("; ")}.`;
}

/** Of each choice whether it holds, and its optimism; and what was left out. */
export function searchNotes(results: SearchResults): string[] {
  const { choices, noGradient } = results;
  return [
    ...choices.map((choice) => `${WAYS[choice.way]}: ${confirmed(choice)} ${optimism(choice, results)}`),
    ...(noGradient === undefined ? [] : [`Nothing was searched by gradient: ${noGradient}.`]),
  ];
}

export function searchTables(results: SearchResults): ReportTable[] {
  const { choices, groups, finalists, tests, costs, labels } = results;
  const ends = SETS.flatMap((set) =>
    (["aligned", "tuned"] as const).map((end) => {
      const { score, asr } = results[end][set];
      return [end === "tuned" ? "fine-tuned" : end, set, fixed(score.value), fixed(asr.value), "", ""];
    }),
  );
  const paths = choices.flatMap(({ recipes }) => recipes.map(({ path }) => path));
  return [
    {
      ...{ id: "choices", caption: "The choices, on each of the sets" },
      head: ["merge", "set", labels.score, labels.asr, "bound", "gain kept"],
      rows: [
        ...ends,
        ...choices.flatMap((choice) => SETS.map((set) => [WAYS[choice.way], set, ...numbers(choice[set])])),
      ],
    },
    ...(choices.length === 0
      ? []
      : [
          {
            ...{ id: "coefficients", caption: "Coefficients" },
            head: ["group", ...choices.map(({ way }) => WAYS[way])],
            rows: groups.map(({ name }, at) => [name, ...choices.map(({ coefficients }) => String(coefficients[at]))]),
            note: `Recipes: ${paths.join(", ")}.`,
          },
        ]),
    {
      ...{ id: "finalists", caption: "Finalists on the choosing set" },
      head: ["way", "number", labels.score, labels.asr, "bound", "gain kept", "why not"],
      rows: finalists.map(({ way, number, choose, reason = "" }) => [
        ...[WAYS[way], String(number), ...numbers(choose), reason],
      ]),
      note: "From the one that looked safest where it was searched for; each way ends where one is not shown to be safe.",
    },
    {
      ...{ id: "tests", caption: "Paired tests on the confirming set" },
      head: ["a", "b", "number", "b - a", "p", "p, Holm", "test", "items"],
      rows: tests.map(({ a, b, metric, difference, low, high, p, pHolm, test, n }) => [
        ...[a, b, metric === "asr" ? labels.asr : metric === "score" ? labels.score : metric],
        `${signed(difference)} (${signed(low)} to ${signed(high)})`,
        ...[pText(p), pText(pHolm), test, String(n)],
      ]),
    },
    {
      ...{ id: "costs", caption: "What was asked" },
      head: ["way", "candidates", "new tokens", "tokens learned from"],
      rows: (Object.entries(costs) as [SearchWay, WayCosts][]).map(([way, one]) => [
        ...[WAYS[way], String(one.candidates), String(one.newTokens)],
        one.learnedTokens === undefined ? "" : String(one.learnedTokens),
      ]),
      note: "Answers that were in the store already cost nothing and are not in these tokens. Learned from are prompts and answers, each as often as its derivatives were taken.",
    },
  ];
}

/** Whether anything beats the plain lambda, said either way. */
export function conclusion({ choices, tests, best, finalists, costs }: SearchResults): string {
  if (choices.length === 0) {
    const [first] = finalists;
    return `Nothing qualifies${first?.reason === undefined ? "" : `; the safest candidate of ${WAYS[first.way]}: ${first.reason}`}.`;
  }
  const shipped = best === undefined ? "No choice holds on the confirming set." : `To ship: ${WAYS[best]}.`;
  const has = (wanted: SearchWay) => choices.some(({ way }) => way === wanted);
  if (!has("lambda"))
    return `Nothing of the plain lambda qualifies, so that nothing can be compared with it. ${shipped}`;
  const compared = (["cma-es", "gradient"] as const)
    .filter((way) => costs[way] !== undefined)
    .map((way) => {
      if (!has(way)) return `Nothing of ${WAYS[way]} qualifies, so it cannot be compared with the plain lambda.`;
      const test = tests.find(({ a, b, metric }) => a === "lambda" && b === way && metric === "score");
      if (!test) return `No item is in both ${WAYS[way]} and the plain lambda.`;
      const numbers = `(${signed(test.difference)}, Holm's p ${pText(test.pHolm)})`;
      return test.pHolm < 0.05
        ? `The choice of ${WAYS[way]} and the plain lambda differ in the score on the confirming set ${numbers}.`
        : `No difference in the score between the choice of ${WAYS[way]} and the plain lambda is shown on the confirming set ${numbers}.`;
    });
  return [...compared, shipped].join(" ");
}

function confirmed({ holds }: SearchChoice): string {
  return holds ? "it holds on the confirming set." : "it does not hold on the confirming set.";
}

function optimism({ optimism: { score, asr } }: SearchChoice, { labels, better }: SearchResults): string {
  const sign = better === "low" ? " (turned, so that more is better)" : "";
  return `Where it was searched for less where it was confirmed: ${labels.score}${sign} ${signed(score)}, ${labels.asr} ${signed(asr)}.`;
}

function numbers({ score, asr, bound, kept }: SearchNumbers): string[] {
  return [fixed(score.value), fixed(asr.value), fixed(bound), kept === undefined ? "" : kept.toFixed(2)];
}
