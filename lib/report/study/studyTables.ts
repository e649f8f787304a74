// The tables of a study, as the paper on merging has them: each task by aligned, fine-tuned and merged model with the attack success
// rates on each safety set (its Tables 1 to 3), and other families of models (its fourth question).

import { candidateId, nameOf, placeText } from "../../select/names.js";
import { axesOfAll } from "../axes.js";
import { testData, validationData } from "../dataNames.js";
import { INTERVALS, percent, pText, quantity, signed } from "../numbers.js";
import type { ReportTable } from "../tables/reportTable.js";
import type { Measured } from "../types.js";
import { studyForms } from "./studyForms.js";
import type { BySet, StudyDifference, StudyView, StudyViewCell } from "./types.js";

export function studyTables(view: StudyView): ReportTable[] {
  const models = [...new Set(view.cells.map(({ model }) => model))];
  return [
    ...models.map((model) => taskTable(view, model)),
    familyTable(view),
    controlTable(view),
    studyForms(view),
    ...models.map((model) => methodTable(view, model)),
    ...models.map((model) => curveTable(view, model)),
    provenanceTable(view),
  ].filter(({ rows }) => rows.length > 0);
}

const cellsOf = ({ cells }: StudyView, model: string) => cells.filter((cell) => cell.model === model);

/** One name where all have it, else a general one. */
function common(names: readonly string[], general: string): string {
  const [only] = new Set(names);
  return new Set(names).size === 1 && only !== undefined ? only : general;
}

/** Columns of the rates: all safety sets together, and each where there are several; over-refusal and skills; sets that are shown apart. */
function rateColumns(cells: readonly StudyViewCell[]) {
  const sets = [...new Set(cells.flatMap(({ safetySets }) => safetySets))];
  const models = cells.flatMap(({ test }) => [test.aligned, test.tuned]);
  const axes = axesOfAll(cells.map(({ test }) => test));
  const selected = models.some((model) => model.selected !== undefined);
  const asr = common(
    cells.map(({ testLabels }) => testLabels.asr),
    "ASR",
  );
  const names = [...new Set(cells.flatMap(({ parts }) => parts.selected))].join(", ");
  return {
    head: [
      asr,
      ...(sets.length > 1 ? sets.map((set) => `${asr}, ${set}`) : []),
      ...axes.map(({ label }) => label),
      ...(selected ? [`${names} (selected by the aligned model's answers)`] : []),
      "truncated",
      "empty",
    ],
    of: (model: Measured & BySet) => [
      quantity(model.asr),
      ...(sets.length > 1 ? sets.map((set) => quantity(model.sets[set])) : []),
      ...axes.map((axis) => quantity(axis.of(model))),
      ...(selected ? [quantity(model.selected)] : []),
      ...[model.truncated, model.empty].map((share) => (share === undefined ? "" : percent(share))),
    ],
  };
}

function taskTable(view: StudyView, model: string): ReportTable {
  const cells = cellsOf(view, model);
  const rates = rateColumns(cells);
  const rows = cells.flatMap((cell) => {
    const { task, test, merged, testLabels, selection } = cell;
    const named = cells.length > 1 ? `${task} (${testLabels.score})` : task;
    const row = (name: string, one: Measured & BySet) => [named, name, quantity(one.score), ...rates.of(one)];
    const { candidate } = selection.overall;
    const nothing = candidate ? `${nameOf(candidate)}: not measured here` : "nothing qualifies";
    return [
      ...(test.unaligned ? [row("unaligned", test.unaligned)] : []),
      row("aligned", test.aligned),
      row("fine-tuned", test.tuned),
      merged
        ? row(`merged: ${nameOf(merged)}`, merged)
        : [named, `merged: ${nothing}`, "", ...rates.head.map(() => "")],
    ];
  });
  return {
    id: idOf("tasks", model),
    caption: `${model}: each task by aligned, fine-tuned and merged model (${dataText(cells, testData)})`,
    head: ["task", "model", cells.length > 1 ? "score" : (cells[0]?.testLabels.score ?? "score"), ...rates.head],
    rows,
    note: `${INTERVALS} Over the tunings of seeds ${seedsText(cells)}.`,
    reasons: cells.flatMap(({ task, selection, confirmation }) => [
      `${task}: ${selection.overall.sentence}`,
      ...(confirmation
        ? [`${task}: ${confirmation.holds ? "confirmed" : "not confirmed"}: ${confirmation.sentence}`]
        : []),
    ]),
  };
}

function familyTable(view: StudyView): ReportTable {
  const rows = view.cells.map(({ model, task, test, merged, selection, kept, saved, above, confirmation }) => {
    const { candidate } = selection.overall;
    return [
      model,
      task,
      candidate ? nameOf(candidate) : "nothing qualifies",
      kept
        ? `${percent(kept.value)}${kept.low === undefined || kept.high === undefined ? "" : ` (${percent(kept.low)} to ${percent(kept.high)})`}`
        : "",
      quantity(test.aligned.asr),
      quantity(test.tuned.asr),
      merged ? quantity(merged.asr) : "",
      differenceText(saved),
      differenceText(above),
      confirmation ? (confirmation.holds ? "confirmed" : "not confirmed") : "",
    ];
  });
  const asr = common(
    view.cells.map(({ testLabels }) => testLabels.asr),
    "ASR",
  );
  return {
    id: "families",
    caption: `Families of models: what merging keeps and saves (${dataText(view.cells, testData)})`,
    head: [
      ...["model", "task", "merge", "gain kept"],
      ...["aligned", "fine-tuned", "merged"].map((name) => `${asr}, ${name}`),
      "merged - fine-tuned",
      "merged - aligned",
      "on the test data",
    ],
    rows,
    note: `${INTERVALS} Differences of rates are over the same items, with a 95 % interval of these tunings; the gain kept is (merged - aligned) / (fine-tuned - aligned) of the task's score, with its interval where that of the gain does not hold 0. Scores of different tasks are of different metrics, so that no mean over tasks is shown.`,
  };
}

function controlTable({ cells }: StudyView): ReportTable {
  const all = cells.flatMap(({ model, task, controls = [] }) => controls.map((one) => ({ model, task, ...one })));
  return {
    id: "controls",
    caption: "Controls: merging, or only changing less?",
    head: ["model", "task", "control", "compared at", "merge - control", "p, Holm's", "items"],
    rows: all.map(({ model, task, name, at, difference, low, high, pHolm, items }) => [
      ...[model, task, name, at],
      `${signed(difference)} (${signed(low)} to ${signed(high)})`,
      pHolm === undefined ? "" : pText(pHolm),
      String(items),
    ]),
    note: "The difference of the rates on the test data where the control's task score is the merge's, with a 95 % interval of these tunings, over the items.",
    reasons: all.map(({ model, task, sentence }) => `${model}, ${task}: ${sentence}`),
  };
}

/** On the test data where each method's choice was measured there (write: all), else on the data that chose. */
function methodTable(view: StudyView, model: string): ReportTable {
  const cells = cellsOf(view, model);
  const rates = rateColumns(cells);
  const choices = cells.flatMap((cell) =>
    Object.entries(cell.selection.methods).map(([method, { candidate }]) => ({ cell, method, candidate })),
  );
  const onTest = ({ cell, candidate }: (typeof choices)[number]) =>
    candidate && cell.test.chosen.find((one) => candidateId(one) === candidateId(candidate));
  const tested = choices.every((choice) => choice.candidate === null || onTest(choice));
  const rows = choices.map((choice) => {
    const { cell, method, candidate } = choice;
    const chose = cell.validation.candidates.find((one) => candidate && candidateId(one) === candidateId(candidate));
    const found = tested ? onTest(choice) : chose;
    const lambda = candidate ? placeText(candidate) : "nothing qualifies";
    const numbers = found ? [quantity(found.score), ...rates.of(found)] : ["score", ...rates.head].map(() => "");
    return [cell.task, method, lambda, ...numbers];
  });
  return {
    id: idOf("methods", model),
    caption: `${model}: each method's choice (${dataText(cells, tested ? testData : validationData)})`,
    head: ["task", "method", "lambda", "score", ...rates.head],
    rows,
    note: `${INTERVALS}${tested ? "" : " The numbers are of the data that chose, and so are a little too good; write: all measures each method's choice on the test data."}`,
  };
}

/** What the figures show, as numbers. */
function curveTable(view: StudyView, model: string): ReportTable {
  const cells = cellsOf(view, model);
  const rates = rateColumns(cells);
  const rows = cells.flatMap(({ task, validation }) => {
    const row = (name: string, lambda: string, one: Measured & BySet) => [
      task,
      name,
      lambda,
      quantity(one.score),
      ...rates.of(one),
    ];
    return [
      row("aligned", "0", validation.aligned),
      ...validation.candidates.map((one) =>
        row(nameOf({ ...one, lambda: undefined }), one.lambda === undefined ? "none" : String(one.lambda), one),
      ),
      row("fine-tuned", "1", validation.tuned),
    ];
  });
  return {
    id: idOf("curves", model),
    caption: `${model}: over lambda (${dataText(cells, validationData)})`,
    head: ["task", "model", "lambda", "score", ...rates.head],
    rows,
    note: INTERVALS,
  };
}

function provenanceTable({ cells, versions }: StudyView): ReportTable {
  const rows = cells.flatMap(({ task, model, digests, data }) => [
    ...digests.map(({ role, digest }) => [
      model,
      role === "aligned" || role === "unaligned" ? "" : task,
      role,
      "",
      digest,
    ]),
    ...data.map(({ source, rows: count, sha256 }) => ["", "", source, String(count), sha256]),
  ]);
  const distinct = [...new Map(rows.map((row) => [row.join("\n"), row])).values()];
  return {
    id: "provenance",
    caption: "Models and data",
    head: ["model", "task", "what", "rows", "sha256"],
    rows: distinct,
    note: `Measured with retemper ${versions.join(", ")}.`,
  };
}

function differenceText(of: StudyDifference | undefined): string {
  return of ? `${signed(of.value)} (${signed(of.low)} to ${signed(of.high)}; ${of.n} items)` : "";
}

function dataText(cells: readonly StudyViewCell[], of: (cell: StudyViewCell) => string): string {
  return common(cells.map(of), of({ ...(cells[0] as StudyViewCell), parts: undefined } as never));
}

function seedsText(cells: readonly StudyViewCell[]): string {
  const texts = cells.map(({ seeds }) => seeds.join(", "));
  if (new Set(texts).size === 1) return texts[0] as string;
  return cells.map(({ task }, at) => `${texts[at]} (${task})`).join("; ");
}

/** An identifier in a page. */
export function idOf(...parts: readonly string[]): string {
  return parts.join("-").replace(/[^\w-]+/g, "-");
}
