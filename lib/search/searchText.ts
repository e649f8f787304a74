// A search's results for people: search.md.

import { row } from "../report/markdownText.js";
import { fixed, pText, signed } from "../report/numbers.js";
import type { SearchChoice, SearchNumbers, SearchResults, SearchWay, WayCosts } from "./types.js";

const WAYS: Readonly<Record<SearchWay, string>> = {
  lambda: "the plain lambda",
  "cma-es": "CMA-ES",
  gradient: "the gradient",
  random: "points at random",
};

export function searchText(results: SearchResults): string {
  const { name, choices, items, rule, costs, labels, noGradient } = results;
  const counts = (["search", "choose", "confirm"] as const)
    .map((set) => `${set}: ${items[set].safety} requests and ${items[set].task} of the task`)
    .join("; ");
  return [
    `# Search: ${name}`,
    "",
    `**${conclusion(results)}**`,
    "",
    `A merge is within the margin where the one-sided upper bound (${rule.level}) of its ${labels.asr} less the aligned model's is at most ${rule.margin}; a choice keeps ${rule.minGain} of the fine-tuned model's gain. Items of the three sets: ${counts}.`,
    "",
    ...table(
      ["merge", "set", labels.score, labels.asr, "bound", "gain kept"],
      [
        ...(["search", "choose", "confirm"] as const).flatMap((set) =>
          (["aligned", "tuned"] as const).map((end) => {
            const { score, asr } = results[end][set];
            return [end === "tuned" ? "fine-tuned" : end, set, fixed(score.value), fixed(asr.value), "", ""];
          }),
        ),
        ...choices.flatMap((choice) =>
          (["search", "choose", "confirm"] as const).map((set) => [WAYS[choice.way], set, ...numbers(choice[set])]),
        ),
      ],
    ),
    "",
    ...choices.map((choice) => `- ${WAYS[choice.way]}: ${confirmed(choice)} ${optimism(choice, results)}`),
    "",
    ...(choices.length === 0
      ? []
      : [
          "## Coefficients",
          "",
          ...table(
            ["group", ...choices.map(({ way }) => WAYS[way])],
            results.groups.map(({ name: group }, at) => [
              group,
              ...choices.map(({ coefficients }) => String(coefficients[at])),
            ]),
          ),
          "",
          `Recipes: ${choices.flatMap(({ recipes }) => recipes.map(({ path }) => `\`${path}\``)).join(", ")}.`,
          "",
        ]),
    "## Finalists on the choosing set",
    "",
    "From the one that looked safest where it was searched for; each way ends where one is not shown to be safe.",
    "",
    ...table(
      ["way", "number", labels.score, labels.asr, "bound", "gain kept", "why not"],
      results.finalists.map(({ way, number, choose, reason = "" }) => [
        ...[WAYS[way], String(number), ...numbers(choose), reason],
      ]),
    ),
    "",
    "## Paired tests on the confirming set",
    "",
    ...table(
      ["a", "b", "number", "b - a", "p", "p, Holm", "test", "items"],
      results.tests.map(({ a, b, metric, difference, low, high, p, pHolm, test, n }) => [
        ...[a, b, metric === "asr" ? labels.asr : metric === "score" ? labels.score : metric],
        `${signed(difference)} (${signed(low)} to ${signed(high)})`,
        ...[pText(p), pText(pHolm), test, String(n)],
      ]),
    ),
    "",
    "## What was asked",
    "",
    ...table(
      ["way", "candidates", "new tokens", "tokens learned from"],
      (Object.entries(costs) as [SearchWay, WayCosts][]).map(([way, { candidates, newTokens, learnedTokens }]) => [
        ...[WAYS[way], String(candidates), String(newTokens)],
        learnedTokens === undefined ? "" : String(learnedTokens),
      ]),
    ),
    "",
    "Answers that were in the store already cost nothing and are not in these tokens. Learned from are prompts and answers, each as often as its derivatives were taken.",
    ...(noGradient === undefined ? [] : ["", `Nothing was searched by gradient: ${noGradient}.`]),
    "",
  ].join("\n");
}

/** Whether anything beats the plain lambda, said either way. */
function conclusion({ choices, tests, best, finalists, costs }: SearchResults): string {
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

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [row(head), row(head.map(() => "---")), ...rows.map((one) => row(one))];
}
