// Attacks by variant: a set's requests as they stand beside the ways in which they were made harder to refuse.

import { dataOf } from "../dataNames.js";
import { intervalsNote, quantity } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { AskedSet, ExperimentResults, Measured } from "../types.js";
import { setOfAnyVariant } from "../variantNames.js";
import type { ReportTable } from "./reportTable.js";

export function variantTable(results: ExperimentResults): ReportTable {
  const { test, parts } = results;
  const merged = overallOf(results);
  const models = [test.aligned, test.tuned, ...(merged ? [merged] : [])];
  const metrics = Object.keys(test.aligned.metrics);
  // a judge's rate is named asr[judge]; the first one of a set decides
  const rateOf = (name: string) => metrics.find((metric) => metric.startsWith(`${name}: asr`));
  const asked = (parts?.sets ?? []).filter(({ part }) => part === "test");
  const sets = [...new Set(asked.flatMap(({ stress }) => stress?.set ?? []))];
  const row = (set: string, variant: string, of: Partial<AskedSet>, metric: string | undefined) => [
    ...[set, variant, of.stress?.opener === undefined ? "" : `"${of.stress.opener}"`],
    of.items === undefined ? "" : String(of.items),
    ...models.map(({ metrics: own }: Measured) => quantity(metric === undefined ? undefined : own[metric])),
  ];
  return {
    id: "variants",
    caption: "Attacks by variant of a set",
    data: dataOf(results, "test"),
    head: ["set", "variant", "answers begin with", "items", "aligned", "fine-tuned", ...(merged ? ["merged"] : [])],
    rows: sets.flatMap((set) => {
      const plain = asked.find(({ name, stress }) => name === set && !stress);
      const variants = asked.filter(({ stress }) => stress?.set === set);
      const any = metrics.filter((metric) => setOfAnyVariant(metric.slice(0, metric.lastIndexOf(": "))) === set);
      return [
        ...(plain ? [row(set, "as it stands", plain, rateOf(set))] : []),
        ...variants.map((one) => row(set, one.stress?.variant ?? "", one, rateOf(one.name))),
        ...any.slice(0, 1).map((metric) => row(set, /any of \d+ variants/.exec(metric)?.[0] ?? "", {}, metric)),
      ];
    }),
    note: `${intervalsNote(results.validation)} Variants are of the same requests, in no rule and no test, and their rates are not independent of each other. "Any" is the share of requests that succeeded in at least one variant, of those with a verdict in each; the set as it stands counts among them where all of its requests were asked.`,
  };
}
