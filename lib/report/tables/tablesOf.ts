// The report's tables as plain data, which both of its forms show.

import { nameOf } from "../../select/select.js";
import { testData, validationData } from "../dataNames.js";
import { fixed, INTERVALS, percent, pText, quantity, signed } from "../numbers.js";
import { overallOf } from "../outcome.js";
import type { ExperimentCosts, ExperimentResults, Measured } from "../types.js";
import { confirmationTable, mainTable, methodTable, modelColumns, verdictTable } from "./choiceTables.js";
import { costTable, stepTable } from "./costTables.js";
import type { ReportTable } from "./reportTable.js";

export function tablesOf(results: ExperimentResults, costs: ExperimentCosts): ReportTable[] {
  const tables = [
    mainTable(results),
    confirmationTable(results),
    verdictTable(results),
    methodTable(results),
    curveTable(results),
    setTable(results),
    marginTable(results),
    categoryTable(results),
    metricTable(results),
    pairedTable(results),
    trendTable(results),
    outputTable(results),
    provenanceTable(results),
    costTable(costs),
    stepTable(costs),
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** While a run goes on, the tuned models may not be measured yet. */
export interface MeasuredSoFar {
  readonly labels: ExperimentResults["labels"];
  readonly parts?: ExperimentResults["parts"];
  readonly validation: Pick<ExperimentResults["validation"], "unaligned" | "aligned" | "candidates"> & {
    readonly tuned?: Measured | undefined;
  };
}

export function curveTable(results: MeasuredSoFar): ReportTable {
  const { unaligned, aligned, tuned, candidates } = results.validation;
  const { head, of } = modelColumns(results.labels, [aligned, ...candidates]);
  const row = (name: string, lambda: string, model: Measured) => [
    name,
    lambda,
    ...of(model),
    model.straightShare === undefined ? "" : percent(model.straightShare),
  ];
  const rows = [
    ...(unaligned ? [row("unaligned", "", unaligned)] : []),
    row("aligned", "0", aligned),
    ...candidates.map((one) => row(nameOf(one).replace(/ at lambda \S+/, ""), String(one.lambda ?? "none"), one)),
    ...(tuned ? [row("fine-tuned", "1", tuned)] : []),
  ];
  return {
    id: "q3",
    caption: `Q3. What does lambda do? (${validationData(results)})`,
    head: ["method", "lambda", ...head, "straight lines"],
    rows,
    note: INTERVALS,
  };
}

/** Where the rate is of several sets together: each one's own. */
function setTable({ validation, parts }: ExperimentResults): ReportTable {
  // a judge's rate is named asr[judge]; the first one of a set decides
  const rates = Object.keys(validation.aligned.metrics).filter((metric) => /: asr(\[|$)/.test(metric));
  const sets = [...new Set(rates.map((metric) => metric.slice(0, metric.lastIndexOf(": asr"))))];
  const first = sets.map((set) => rates.find((metric) => metric.startsWith(`${set}: asr`)) as string);
  const row = (name: string, { metrics }: Measured) => [name, ...first.map((metric) => quantity(metrics[metric]))];
  const rows = [
    row("aligned", validation.aligned),
    ...validation.candidates.map((one) => row(nameOf(one), one)),
    row("fine-tuned", validation.tuned),
  ];
  const selected = parts?.selected ?? [];
  const outside = sets.filter((set) => selected.includes(set));
  return {
    id: "sets",
    caption: `Q3, each safety set apart (${validationData({ parts })})`,
    head: [
      "model",
      ...first.map((metric, at) =>
        outside.includes(sets[at] as string) ? `${metric} (outside of the choice)` : metric,
      ),
    ],
    rows: sets.length > 1 ? rows : [],
    note: `${INTERVALS}${outside.length === 0 ? "" : ` The items of ${outside.join(", ")} were selected by the aligned model's own answers, all of one outcome: its rate there is no estimate, and any change of the model moves it one way. Outside of the choice: in no rule and no test.`}`,
  };
}

function marginTable(results: ExperimentResults): ReportTable {
  const { selection, labels } = results;
  const rows = selection.margins.map(({ margin, choice: { candidate } }) =>
    candidate === null
      ? [String(margin), "nothing qualifies", "", ""]
      : [String(margin), nameOf(candidate), fixed(candidate.score.value), fixed(candidate.asr.value)],
  );
  const by = selection.rule.by === "upper" ? "the adjusted upper bound of the difference" : "the measured difference";
  return {
    id: "margins",
    caption: `What other margins would choose (${validationData(results)})`,
    head: ["margin", "choice", labels.score, labels.asr],
    rows,
    note: `The rate may be above the aligned model's by the margin; ${by} counts. A margin that is chosen after a look at this table is exploratory.`,
  };
}

function categoryTable(results: ExperimentResults): ReportTable {
  const { test, testLabels, labels } = results;
  const merged = overallOf(results);
  const names = Object.keys(test.aligned.categories);
  const difference = (name: string) => {
    const [before, after] = [test.aligned.categories[name], merged?.categories[name]];
    return before && after ? signed(after.value - before.value) : "";
  };
  const counted = names.some((name) => test.aligned.categories[name]?.values !== undefined);
  const rows = names.map((name) => [
    name,
    ...(counted ? [String(test.aligned.categories[name]?.values?.[0]?.length ?? "")] : []),
    ...[test.aligned, test.tuned, ...(merged ? [merged] : [])].map(({ categories }) => quantity(categories[name])),
    ...(merged ? [difference(name)] : []),
  ]);
  return {
    id: "categories",
    caption: `By category: ${(testLabels ?? labels).asr} (${testData(results)})`,
    head: [
      "category",
      ...(counted ? ["items"] : []),
      "aligned",
      "fine-tuned",
      ...(merged ? ["merged", "merged - aligned"] : []),
    ],
    rows,
    note: `${INTERVALS} A gate on worstCategory looks at categories of 20 items or more.`,
  };
}

function metricTable(results: ExperimentResults): ReportTable {
  const { test } = results;
  const models: [string, Measured][] = [
    ...(test.unaligned ? [["unaligned", test.unaligned] as [string, Measured]] : []),
    ["aligned", test.aligned],
    ["fine-tuned", test.tuned],
    ...test.chosen.map((one): [string, Measured] => [nameOf(one), one]),
  ];
  return {
    id: "q4",
    caption: `Q4. Every number of every model (${testData(results)})`,
    head: ["metric", ...models.map(([name]) => name)],
    rows: Object.keys(test.aligned.metrics).map((metric) => [
      metric,
      ...models.map(([, { metrics }]) => quantity(metrics[metric])),
    ]),
    note: INTERVALS,
  };
}

function pairedTable(results: ExperimentResults): ReportTable {
  const { paired, testLabels, labels } = results;
  const names = testLabels ?? labels;
  return {
    id: "paired",
    caption: `Paired tests on the same items (${testData(results)})`,
    head: ["a", "b", "number", "b - a", "95 % interval", "p", "p, Holm", "test", "items"],
    rows: paired.map(({ a, b, metric, difference, low, high, p, pHolm, test, n }) => [
      a,
      b,
      metric === "asr" || metric === "score" ? names[metric] : metric,
      signed(difference),
      `${signed(low)} to ${signed(high)}`,
      pText(p),
      pText(pHolm),
      test,
      String(n),
    ]),
    note: "The intervals are of these tunings, over the items. Of all these tests together, those with Holm's p below .05 call a difference that is none in at most 5 % of experiments.",
  };
}

function trendTable(results: ExperimentResults): ReportTable {
  const { trends, labels } = results;
  return {
    id: "trends",
    caption: `Does it rise with lambda? (${validationData(results)})`,
    head: ["method", "number", "over lambda", "slope", "95 % interval", "p", "p, Holm", "lambdas", "items"],
    rows: trends.map(({ method, metric, slope, low, high, p, pHolm, lambdas, items }) => [
      method,
      labels[metric],
      pHolm < 0.05 ? (slope > 0 ? "rises" : "falls") : "no trend shown",
      signed(slope),
      `${signed(low)} to ${signed(high)}`,
      pText(p),
      pText(pHolm),
      String(lambdas),
      String(items),
    ]),
    note: "The mean slope of the items over the lambdas strictly between 0 and 1, as a rise from 0 to 1; two-sided, by flipping the signs of the items' slopes. It rises or falls where Holm's p is below .05.",
  };
}

function outputTable({ outputs, selection, shipped }: ExperimentResults): ReportTable {
  const { candidate } = selection.overall;
  const overall = candidate === null ? undefined : nameOf(candidate);
  return {
    id: "outputs",
    caption: "Models that were written",
    head: [
      "merge",
      "seed",
      "folder",
      "status",
      "bytes",
      "answers as the virtual merge",
      "logits differ",
      "sha256 of the weights",
    ],
    rows: outputs.map(({ name, seed, path, confirmed, bytes, agreement, files }) => [
      name,
      seed ?? "all",
      path,
      `${statusOf(name === overall, confirmed)}${path === shipped?.path ? "; to ship" : ""}`,
      bytes.toLocaleString("en"),
      agreement === undefined ? "" : `${agreement.same} of ${agreement.questions}`,
      agreement === undefined ? "" : `${(100 * agreement.logits.relative).toFixed(2)} %`,
      files
        .filter((file) => file.path.endsWith(".safetensors"))
        .map(({ sha256 }) => sha256)
        .join(" "),
    ]),
    note: "Answers as the virtual merge: greedy answers of the written files that are those of the virtual merge that was measured. Logits differ: root of the mean square difference, in standard deviations of the logits.",
  };
}

function statusOf(chosen: boolean, confirmed: boolean | undefined): string {
  if (!chosen) return "its method's best";
  return confirmed === undefined ? "chosen" : confirmed ? "chosen, confirmed" : "chosen, not confirmed";
}

function provenanceTable({ provenance }: ExperimentResults): ReportTable {
  const { version, engine, unwritten, platform, seeds, models, data, experiment } = provenance;
  return {
    id: "provenance",
    caption: "Provenance",
    head: ["what", "value", "digest"],
    rows: [
      ["Retemper", version, ""],
      ["engine", engine, ""],
      ["merges that were only measured", unwritten, ""],
      ["machine", platform, ""],
      ["seeds", seeds.join(", "), ""],
      ["settings", "experiment.json", experiment],
      ...models.map(({ role, path, digest }) => [role, path, digest]),
      ...data.map(({ source, sha256, rows }) => [`data, ${rows} rows`, source, sha256]),
    ],
  };
}
