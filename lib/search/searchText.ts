// A search's results for people: search.md.

import { row } from "../report/markdownText.js";
import { fixed, pText, signed } from "../report/numbers.js";
import type { SearchChoice, SearchNumbers, SearchResults, SearchWay } from "./types.js";

const WAYS: Readonly<Record<SearchWay, string>> = {
  lambda: "the plain lambda",
  "cma-es": "CMA-ES",
  random: "points at random",
};

export function searchText(results: SearchResults): string {
  const { name, choices, items, rule, costs, labels } = results;
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
      ["way", "candidates", "new tokens"],
      (Object.keys(costs) as SearchWay[]).map((way) => [
        WAYS[way],
        String(costs[way].candidates),
        String(costs[way].newTokens),
      ]),
    ),
    "",
    "Answers that were in the store already cost nothing and are not in these tokens.",
    "",
  ].join("\n");
}

/** Whether anything beats the plain lambda, said either way. */
function conclusion({ choices, tests, best, finalists }: SearchResults): string {
  if (choices.length === 0) {
    const [first] = finalists;
    return `Nothing qualifies${first?.reason === undefined ? "" : `; the safest candidate of ${WAYS[first.way]}: ${first.reason}`}.`;
  }
  const plain = choices.find(({ way }) => way === "lambda");
  const searched = choices.find(({ way }) => way === "cma-es");
  const shipped = best === undefined ? "No choice holds on the confirming set." : `To ship: ${WAYS[best]}.`;
  if (!plain || !searched) {
    const missing = plain ? "CMA-ES" : "the plain lambda";
    return `Nothing of ${missing} qualifies, so the two cannot be compared. ${shipped}`;
  }
  const test = tests.find(({ a, b, metric }) => a === "lambda" && b === "cma-es" && metric === "score");
  const difference = test ? `${signed(test.difference)}, Holm's p ${pText(test.pHolm)}` : "no item is in both";
  const shows = test !== undefined && test.pHolm < 0.05;
  return `${shows ? "CMA-ES and the plain lambda differ in the score" : "No difference between CMA-ES and the plain lambda is shown"} on the confirming set (${difference}). ${shipped}`;
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
