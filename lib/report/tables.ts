// The report's tables as plain data, which both of its forms show.

import { nameOf } from "../select/select.js";
import { costTable, stepTable } from "./costTables.js";
import { fixed, percent, pText, quantity, signed } from "./numbers.js";
import { overallOf } from "./outcome.js";
import type { ReportTable } from "./reportTable.js";
import type { ExperimentCosts, ExperimentResults, Measured } from "./types.js";

export function tablesOf(results: ExperimentResults, costs: ExperimentCosts): ReportTable[] {
  const tables = [
    mainTable(results),
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

const ENDINGS = ["truncated", "empty"];

/** Beside the rate: how the answers that it is of ended. */
function endings({ truncated, empty }: Measured): string[] {
  return [truncated, empty].map((share) => (share === undefined ? "" : percent(share)));
}

function mainTable(results: ExperimentResults): ReportTable {
  const { labels, test } = results;
  const merged = overallOf(results);
  const row = (name: string, measured: Measured) => [
    name,
    ...[measured.score, measured.asr].map(quantity),
    ...endings(measured),
  ];
  const rows = [
    ...(test.unaligned ? [row("unaligned", test.unaligned)] : []),
    row("aligned", test.aligned),
    row("fine-tuned", test.tuned),
  ];
  if (merged) rows.push(row(`merged: ${nameOf(merged)}`, merged));
  return {
    id: "q1",
    caption: "Q1. Does merging keep the task and the safety? (test data)",
    head: ["model", labels.score, labels.asr, ...ENDINGS],
    rows,
    note: `Values are means over the tuning's seeds, ± their standard deviation; in brackets the 95 % interval over the items. Truncated, empty: shares of the answers to the safety sets that were cut off at the limit of new tokens, and that have no text.`,
  };
}

function methodTable({ selection, validation, test, labels }: ExperimentResults): ReportTable {
  // in the order of the curves and of their key
  const order = [...new Set(validation.candidates.map(({ method }) => method))];
  const choices = order.flatMap((method) => {
    const choice = selection.methods[method];
    return choice ? [{ method, ...choice }] : [];
  });
  const rows = choices.map(({ method, candidate }) => {
    if (candidate === null) return [method, "nothing qualifies", "", "", ""];
    const measured = test.chosen.find((one) => nameOf(one) === nameOf(candidate));
    const { straightShare } = measured ?? {};
    return [
      method,
      candidate.lambda === undefined ? "none" : String(candidate.lambda),
      measured ? quantity(measured.score) : "",
      measured ? quantity(measured.asr) : "",
      straightShare === undefined ? "" : percent(straightShare),
    ];
  });
  return {
    id: "q2",
    caption: "Q2. Which method? (the choice of each on validation data, measured on test data)",
    head: ["method", "lambda", labels.score, labels.asr, "straight lines"],
    rows,
    reasons: choices.map(({ sentence }) => sentence),
    note: "Straight lines: share of tensors so close to parallel that SLERP takes the line instead of the arc.",
  };
}

/** While a run goes on, the tuned models may not be measured yet. */
export interface MeasuredSoFar {
  readonly labels: ExperimentResults["labels"];
  readonly validation: Pick<ExperimentResults["validation"], "unaligned" | "aligned" | "candidates"> & {
    readonly tuned?: Measured | undefined;
  };
}

export function curveTable({ validation, labels }: MeasuredSoFar): ReportTable {
  const row = (name: string, lambda: string, measured: Measured) => [
    name,
    lambda,
    quantity(measured.score),
    quantity(measured.asr),
    ...endings(measured),
    measured.straightShare === undefined ? "" : percent(measured.straightShare),
  ];
  const rows = [
    ...(validation.unaligned ? [row("unaligned", "", validation.unaligned)] : []),
    row("aligned", "0", validation.aligned),
    ...validation.candidates.map((one) =>
      row(nameOf(one).replace(/ at lambda \S+/, ""), String(one.lambda ?? "none"), one),
    ),
    ...(validation.tuned ? [row("fine-tuned", "1", validation.tuned)] : []),
  ];
  return {
    id: "q3",
    caption: "Q3. What does lambda do? (validation data)",
    head: ["method", "lambda", labels.score, labels.asr, ...ENDINGS, "straight lines"],
    rows,
  };
}

/** Where the rate is of several sets together: each one's own. */
function setTable({ validation }: ExperimentResults): ReportTable {
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
  return {
    id: "sets",
    caption: "Q3, each safety set apart (validation data)",
    head: ["model", ...first],
    rows: sets.length > 1 ? rows : [],
  };
}

function marginTable({ selection, labels }: ExperimentResults): ReportTable {
  const rows = selection.margins.map(({ margin, choice: { candidate } }) =>
    candidate === null
      ? [String(margin), "nothing qualifies", "", ""]
      : [String(margin), nameOf(candidate), fixed(candidate.score.value), fixed(candidate.asr.value)],
  );
  const by = selection.rule.by === "upper" ? "the upper end of its interval" : "its value";
  return {
    id: "margins",
    caption: "What other margins would choose (validation data)",
    head: ["margin", "choice", labels.score, labels.asr],
    rows,
    note: `The rate may be above the aligned model's by the margin; ${by} counts.`,
  };
}

function categoryTable(results: ExperimentResults): ReportTable {
  const { test, labels } = results;
  const merged = overallOf(results);
  const names = Object.keys(test.aligned.categories);
  const rows = names.map((name) => [
    name,
    ...[test.aligned, test.tuned, ...(merged ? [merged] : [])].map(({ categories }) => quantity(categories[name])),
  ]);
  return {
    id: "categories",
    caption: `By category: ${labels.asr} (test data)`,
    head: ["category", "aligned", "fine-tuned", ...(merged ? ["merged"] : [])],
    rows,
  };
}

function metricTable({ test }: ExperimentResults): ReportTable {
  const models: [string, Measured][] = [
    ...(test.unaligned ? [["unaligned", test.unaligned] as [string, Measured]] : []),
    ["aligned", test.aligned],
    ["fine-tuned", test.tuned],
    ...test.chosen.map((one): [string, Measured] => [nameOf(one), one]),
  ];
  return {
    id: "q4",
    caption: "Q4. Every number of every model (test data)",
    head: ["metric", ...models.map(([name]) => name)],
    rows: Object.keys(test.aligned.metrics).map((metric) => [
      metric,
      ...models.map(([, { metrics }]) => quantity(metrics[metric])),
    ]),
  };
}

function pairedTable({ paired, labels }: ExperimentResults): ReportTable {
  return {
    id: "paired",
    caption: "Paired tests on the same items (test data)",
    head: ["a", "b", "number", "b - a", "95 % interval", "p", "test", "items"],
    rows: paired.map(({ a, b, metric, difference, low, high, p, test, n }) => [
      a,
      b,
      metric === "asr" || metric === "score" ? labels[metric] : metric,
      signed(difference),
      `${signed(low)} to ${signed(high)}`,
      pText(p),
      test,
      String(n),
    ]),
  };
}

function trendTable({ trends, labels }: ExperimentResults): ReportTable {
  return {
    id: "trends",
    caption: "Does it rise with lambda? (validation data)",
    head: ["method", "number", "over lambda", "z", "p", "items"],
    rows: trends.map(({ method, metric, z, p, items }) => [
      method,
      labels[metric],
      p < 0.05 ? (z > 0 ? "rises" : "falls") : "no trend shown",
      z.toFixed(2),
      pText(p),
      String(items),
    ]),
    note: "Within each item the outcomes are permuted over lambda (extended Mantel statistic); two-sided, at 5 %.",
  };
}

function outputTable({ outputs }: ExperimentResults): ReportTable {
  return {
    id: "outputs",
    caption: "Models that were written",
    head: [
      "merge",
      "seed",
      "folder",
      "bytes",
      "answers as the virtual merge",
      "logits differ",
      "sha256 of the weights",
    ],
    rows: outputs.map(({ name, seed, path, bytes, agreement, files }) => [
      name,
      seed ?? "all",
      path,
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
