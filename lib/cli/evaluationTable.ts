// Evaluations and comparisons as tables for people.

import type { Calibration, Comparison, Measure, Results, TaskResults } from "../index.js";
import { formatCount } from "./quantities.js";
import { table } from "./table.js";

/** One row a metric of each task, the task's own metric first; with `byCategory` also one for each category. */
export function resultsTable(
  { tasks, calibration, variants = [] }: Pick<Results, "tasks" | "calibration" | "variants">,
  byCategory = false,
): string {
  const rows = tasks.flatMap((task) => {
    const names = sorted(task);
    const word = task.counts.untrusted ? " (untrusted)" : "";
    const all = names.map((name) => [task.name, name + word, ...cells(task.metrics[name])]);
    if (!byCategory) return all;
    const ofCategories = Object.entries(task.categories).flatMap(([category, metrics]) =>
      names.flatMap((name) => (metrics[name] ? [[`${task.name}/${category}`, name, ...cells(metrics[name])]] : [])),
    );
    return [...all, ...ofCategories];
  });
  const judged = tasks.some(({ kind }) => kind !== "task");
  const head = ["task", "metric", "value", "95 %", "n", "missing", ...(judged ? ["truncated", "empty"] : [])];
  if (judged && calibration) head.push("corrected", "95 %");
  const shown = rows.map((row) => row.slice(0, head.length));
  const parts = [table(head, shown, [2, 4, 5, 6, 7, 8]), ...emptyNotes(tasks)];
  if (variants.length > 0) parts.push("", variantTable(variants));
  if (calibration) parts.push("", calibrationTable(calibration), ...poweredNotes(tasks));
  const agreement = tasks.flatMap(({ name, agreement }) =>
    (agreement.length > 1 ? [] : agreement).map(({ judges, n, agreement: share, kappa }) => [
      name,
      judges.join(", "),
      number(share),
      number(kappa),
      formatCount(n),
    ]),
  );
  if (agreement.length > 0) parts.push("", table(["task", "judges", "agree", "kappa", "n"], agreement, [2, 3, 4]));
  for (const task of tasks) if (task.agreement.length > 1) parts.push("", agreementMatrix(task));
  return parts.join("\n");
}

/** Three judges or more, each against each: above the diagonal the share of the answers on which they agree, below it kappa. */
function agreementMatrix({ name, agreement }: TaskResults): string {
  const judges = [...new Set(agreement.flatMap((pair) => pair.judges))];
  const of = (a: string, b: string) => agreement.find(({ judges: pair }) => pair.includes(a) && pair.includes(b));
  const rows = judges.map((row, at) => [
    row,
    ...judges.map((column, place) => {
      if (place === at) return "";
      const pair = of(row, column);
      return number((place > at ? pair?.agreement : pair?.kappa) ?? null);
    }),
  ]);
  const places = judges.map((_, at) => at + 1);
  return table([`${name}: agree above, kappa below`, ...judges], rows, places);
}

/** Each set's variants side by side, and the requests that succeeded in at least one of them. */
function variantTable(variants: NonNullable<Results["variants"]>): string {
  const rows = variants.flatMap(({ set, metric, variants: all, any }) => [
    ...all.map(({ variant, rate }) => [set, metric, variant, ...cells(rate).slice(0, 3)]),
    ...(any ? [[set, metric, `any of the ${all.length}`, ...cells(any).slice(0, 3)]] : []),
  ]);
  return table(["set", "metric", "variant", "value", "95 %", "n"], rows, [3, 5]);
}

const EMPTY = { refusal: "refusals", attack: "attacks that succeeded", missing: "missing" } as const;

/** What the empty answers of each judged task count as, where there are any. */
function emptyNotes(tasks: readonly TaskResults[]): string[] {
  return tasks.flatMap(({ name, kind, counts, emptyIs }) => {
    if (kind === "task" || !counts.empty) return [];
    const as = emptyIs === undefined ? "what each judge says of them (--empty-is)" : EMPTY[emptyIs];
    return [
      `${name}: ${formatCount(counts.empty)} of ${formatCount(counts.items)} answers are empty; they count as ${as}`,
    ];
  });
}

export function comparisonTable({ tasks }: Comparison): string {
  const several = tasks.flatMap(({ metrics }) => Object.values(metrics)).filter(({ p }) => p !== null).length > 1;
  const rows = tasks.flatMap(({ name, metrics }) =>
    Object.entries(metrics).map(([metric, { a, b, difference, low, high, p, pHolm, test, n }]) => [
      ...[name, metric, number(a.value), number(b.value), signed(difference)],
      low === null || high === null ? "" : `${signed(low)} to ${signed(high)}`,
      p === null ? "" : `${probability(p)} ${test}`,
      ...(several ? [pHolm === null ? "" : probability(pHolm)] : []),
      formatCount(n),
    ]),
  );
  const head = ["task", "metric", "A", "B", "B - A", "95 %", "p", ...(several ? ["p, Holm"] : []), "n"];
  return [table(head, rows, [2, 3, 4, head.length - 1]), ...endingNotes(tasks)].join("\n");
}

/** How the answers of both ended, of each task with judges: A's, then B's. */
function endingNotes(tasks: Comparison["tasks"]): string[] {
  return tasks.flatMap(({ name, metrics }) => {
    const found = Object.values(metrics).find(({ a, b }) => a.truncated !== undefined && b.truncated !== undefined);
    if (!found) return [];
    const { a, b } = found;
    return [
      `${name}: truncated ${share(a.truncated)} and ${share(b.truncated)}, empty ${share(a.empty)} and ${share(b.empty)}`,
    ];
  });
}

function probability(p: number): string {
  return p < 0.001 ? "<.001" : p.toFixed(3);
}

function sorted({ primary, metrics }: TaskResults): string[] {
  const names = Object.keys(metrics);
  return [...names.filter((name) => name === primary), ...names.filter((name) => name !== primary)];
}

function cells(measure: Measure | undefined): string[] {
  if (!measure) return ["-", "", "0", ""];
  const { value, low, high, n, missing, truncated, empty } = measure;
  const interval = low === null || high === null ? "" : `${number(low)} to ${number(high)}`;
  return [
    number(value),
    interval,
    formatCount(n),
    missing > 0 ? formatCount(missing) : "",
    share(truncated),
    share(empty),
    ...correctedCells(measure),
  ];
}

function correctedCells({ corrected }: Measure): string[] {
  return corrected ? [number(corrected.value), `${number(corrected.low)} to ${number(corrected.high)}`] : ["", ""];
}

/** How often the judges err: what the corrected rates were made with. */
function calibrationTable({ judges }: Calibration): string {
  const rate = ({ value, low, high }: Calibration["judges"][number]["sensitivity"]) =>
    value === null ? "-" : `${number(value)} (${number(low)} to ${number(high)})`;
  const rows = judges.map(({ name, positives, negatives, missing, sensitivity, specificity }) => [
    name,
    ...[formatCount(positives), rate(sensitivity), formatCount(negatives), rate(specificity)],
    missing > 0 ? formatCount(missing) : "",
  ]);
  const rates = table(["judge", "harmful", "sensitivity", "harmless", "specificity", "missing"], rows, [1, 3, 5]);
  return [rates, ...probabilityTable(judges)].join("\n\n");
}

/** Of judges that say probabilities: how well they tell harmful answers apart, and at which threshold best. */
function probabilityTable(judges: Calibration["judges"]): string[] {
  const rows = judges.flatMap(({ name, probabilities }) => {
    if (!probabilities) return [];
    const { n, auc, reliability, best } = probabilities;
    const interval = auc.low === null ? "" : ` (${number(auc.low)} to ${number(auc.high)})`;
    return [
      [
        ...[name, formatCount(n), `${number(auc.value)}${interval}`, number(reliability?.error ?? null)],
        best ? number(best.threshold) : "-",
        best ? `${number(best.sensitivity)}, ${number(best.specificity)}` : "-",
      ],
    ];
  });
  if (rows.length === 0) return [];
  return [
    table(["judge", "n", "AUC", "calibration error", "best threshold", "sensitivity, specificity"], rows, [1, 3, 4]),
  ];
}

/** Where some of a task's own answers are labelled: what they and the judge say together. */
function poweredNotes(tasks: readonly TaskResults[]): string[] {
  return tasks.flatMap(({ name, metrics }) =>
    Object.entries(metrics).flatMap(([metric, { predictionPowered: of }]) =>
      of
        ? [
            `${name} ${metric}, prediction-powered: ${number(of.value)} (${number(of.low)} to ${number(of.high)}), with ${formatCount(of.labelled)} of its own answers labelled`,
          ]
        : [],
    ),
  );
}

function share(value: number | undefined): string {
  return value === undefined ? "" : `${(100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`;
}

/** Three decimals below 10, as many digits above. */
function number(value: number | null): string {
  return value === null ? "-" : Math.abs(value) < 10 ? value.toFixed(3) : value.toPrecision(4);
}

function signed(value: number | null): string {
  return value === null ? "-" : `${value > 0 ? "+" : ""}${number(value)}`;
}
