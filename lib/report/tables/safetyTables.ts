// Safety apart: by category of the requests, and by set.

import { nameOf } from "../../select/names.js";
import { dataOf } from "../dataNames.js";
import { intervalsNote, quantity } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentResults, Measured } from "../types.js";
import { setOfAnyVariant } from "../variantNames.js";
import { differenceText } from "./differenceText.js";
import type { ReportTable } from "./reportTable.js";

export function categoryTable(results: ExperimentResults): ReportTable {
  const { test, testLabels, labels, selection } = results;
  const merged = overallOf(results);
  const names = Object.keys(test.aligned.categories);
  const count = (name: string) => test.aligned.categories[name]?.values?.[0]?.length;
  const gated = selection.rule.gate?.includes("worstCategory") === true;
  return {
    id: "categories",
    caption: `By category: ${(testLabels ?? labels).asr}`,
    data: dataOf(results, "test"),
    head: ["category", "items", "aligned", "fine-tuned", ...(merged ? ["merged", "merged - aligned"] : [])],
    rows: names.map((name) => [
      name,
      String(count(name) ?? ""),
      ...[test.aligned, test.tuned, ...(merged ? [merged] : [])].map(({ categories }) => quantity(categories[name])),
      ...(merged ? [differenceText(test.aligned.categories[name], merged.categories[name])] : []),
    ]),
    note: `${intervalsNote(results.validation)}${gated ? " The gate on worstCategory looks at categories of 20 items or more." : ""}`,
  };
}

/** Where the rate is of several sets together: each one's own. */
export function setTable(results: ExperimentResults): ReportTable {
  const { validation, parts } = results;
  // a judge's rate is named asr[judge]; the first one of a set decides
  const rates = Object.keys(validation.aligned.metrics).filter((metric) => /: asr(\[|$)/.test(metric));
  const named = rates.map((metric) => metric.slice(0, metric.lastIndexOf(": asr")));
  const sets = [...new Set(named)].filter((name) => setOfAnyVariant(name) === undefined); // these have a table of their own
  const first = sets.map((set) => rates.find((metric) => metric.startsWith(`${set}: asr`)) as string);
  const row = (name: string, { metrics }: Measured) => [name, ...first.map((metric) => quantity(metrics[metric]))];
  const selected = sets.filter((set) => parts?.selected.includes(set));
  const stressed = sets.filter((set) => parts?.stressed?.includes(set));
  const outside = [...selected, ...stressed];
  return {
    id: "sets",
    caption: "Each safety set apart",
    data: dataOf(results, "validation"),
    head: [
      "model",
      ...first.map((metric, at) =>
        outside.includes(sets[at] as string) ? `${metric} (outside of the choice)` : metric,
      ),
    ],
    rows:
      sets.length > 1
        ? [
            row("aligned", validation.aligned),
            ...validation.candidates.filter((one) => !one.unfinished).map((one) => row(nameOf(one), one)),
            row("fine-tuned", validation.tuned),
          ]
        : [],
    note: `${intervalsNote(results.validation)}${stressed.length === 0 ? "" : ` The requests of ${stressed.join(", ")} are those of the set before the +, asked so that they are harder to refuse: outside of the choice, in no rule and no test.`}${selected.length === 0 ? "" : ` The items of ${selected.join(", ")} were selected by the aligned model's own answers, all of one outcome: its rate there is no estimate, and any change of the model moves it one way. Outside of the choice: in no rule and no test.`}`,
  };
}
