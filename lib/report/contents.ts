// What a report holds, section by section, whichever form it takes.

import { axesOf } from "./axes.js";
import { axisFront } from "./figures/axisFront.js";
import { categoriesOf } from "./figures/categories.js";
import { curvesOf } from "./figures/curves.js";
import type { Figure } from "./figures/figure.js";
import { frontOf } from "./figures/front.js";
import { reliabilityOf } from "./figures/reliability.js";
import { outcomeOf } from "./outcome.js";
import { shipText } from "./shipText.js";
import type { ReportTable } from "./tables/reportTable.js";
import { tablesOf } from "./tables/tablesOf.js";
import type { ExampleAnswers, ExperimentCosts, ExperimentResults } from "./types.js";

/** Answers that two judges call by opposite names, or that an alarm is about. */
export interface AnswersToSee {
  readonly title: string;
  readonly answers: NonNullable<ExperimentResults["alarms"]>[number]["answers"];
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** Sentences before everything else: what they are, and what they say. */
  readonly lead: readonly { readonly name: string; readonly text: string }[];
  /** Whether the key of methods stands above the figures, and in it what is allowed. */
  readonly key: "whole" | "plain" | "none";
  readonly figures: readonly Figure[];
  readonly tables: readonly ReportTable[];
  /** Tables that are opened by whoever wants them. */
  readonly folded: readonly ReportTable[];
  readonly judged: readonly AnswersToSee[];
  readonly examples: readonly ExampleAnswers[];
  readonly notes: readonly string[];
  /** Whether it belongs to the page that is printed first. */
  readonly first: boolean;
}

export function contentsOf(results: ExperimentResults, costs: ExperimentCosts): Section[] {
  const tables = tablesOf(results, costs);
  const named = (...ids: string[]) => ids.flatMap((id) => tables.get(id) ?? []);
  const figures = (...all: readonly (Figure | undefined)[]) => all.filter((one) => one !== undefined);
  const { alarms = [], disagreements = [], controls, besideLinear } = results;
  const axes = axesOf(results.validation);
  const hasSkills = results.validation.aligned.skills !== undefined;
  const sections: (Pick<Section, "id" | "title"> & Partial<Section>)[] = [
    {
      ...{ id: "curves", title: "Over lambda", key: "whole", first: true },
      figures: curvesOf(results, ["score", "asr"]),
    },
    { id: "pareto", title: "The task against safety", figures: [frontOf(results)], first: true },
    { id: "models", title: "The models", tables: named("q1"), first: true },
    { id: "words", title: "The choice in words", lead: sentences(results), tables: named("confirmation", "refined") },
    {
      ...{ id: "safety", title: "Safety by category and set" },
      figures: figures(categoriesOf(results)),
      ...(categoriesOf(results)
        ? { tables: named("sets", "variants"), folded: named("categories") }
        : { tables: named("categories", "sets", "variants") }),
    },
    {
      ...{ id: "over-refusal", title: hasSkills ? "Over-refusal and skills: what else it cost" : "Over-refusal" },
      ...{ key: "plain", tables: named("axes"), folded: named("whole-front") },
      figures: [...curvesOf(results, axes), ...(hasSkills ? axes.map((axis) => axisFront(results, axis, axes)) : [])],
    },
    { id: "weights-section", title: "Weights", tables: named("weights") },
    {
      ...{ id: "controls-section", title: "Controls" },
      lead: [
        ...(controls?.sentence === undefined ? [] : [{ name: "All together", text: controls.sentence }]),
        ...(controls?.comparisons ?? []).map(({ name, sentence }) => ({ name, text: sentence })),
      ],
      tables: named("controls").map(({ reasons: _, ...table }) => table),
    },
    {
      ...{ id: "beside-linear", title: "Beside the plain lambda" },
      lead: besideLinear ? [{ name: "All together", text: besideLinear.sentence }] : [],
      tables: named("beside-linear-score", "beside-linear-safety"),
    },
    {
      ...{ id: "proxies-section", title: "Cheap signals" },
      lead: [results.proxies?.screening?.sentence ?? [], results.proxies?.sentences ?? []]
        .flat()
        .map((text) => ({ name: "Proxies", text })),
      tables: named("proxy-agreement"),
      folded: named("proxies"),
    },
    {
      ...{ id: "judging", title: "Judges", tables: named("judges") },
      figures: figures(reliabilityOf(results.reliability)),
      judged: [
        ...alarms.map(({ sentence, answers }) => ({ title: sentence, answers })),
        ...disagreements
          .filter(({ judges, task }) => !alarms.some((one) => one.task === task && `${one.judges}` === `${judges}`))
          .map(({ judges, task, answers }) => ({
            title: `Answers to ${task} of which ${judges.join(" and ")} say opposite things`,
            answers,
          })),
      ].filter(({ answers }) => answers.length > 0),
    },
    { id: "answers", title: "Answers side by side", examples: results.examples },
    {
      ...{ id: "numbers", title: "All numbers" },
      folded: named("verdicts", "q2", "q3", "margins", "paired", "trends", "q4"),
    },
    {
      ...{ id: "origin", title: "What was asked, written and spent" },
      tables: named("data", "outputs", "forms"),
      folded: named("costs", "steps", "provenance"),
    },
    { id: "notes", title: "Notes", notes: results.notes },
  ];
  return sections
    .map((section): Section => ({ ...EMPTY, ...section }))
    .filter((one) =>
      [one.lead, one.figures, one.tables, one.folded, one.judged, one.examples, one.notes].some(
        (all) => all.length > 0,
      ),
    );
}

const EMPTY: Omit<Section, "id" | "title"> = {
  ...{ lead: [], key: "none", figures: [], tables: [], folded: [] },
  ...{ judged: [], examples: [], notes: [], first: false },
};

/** What the first screen says in short, with all numbers. */
function sentences(results: ExperimentResults): Section["lead"] {
  const { selection, confirmation, exploratory, refined } = results;
  const ship = shipText(results);
  return [
    { name: "Choice", text: selection.overall.sentence },
    ...(confirmation
      ? [{ name: confirmation.holds ? "Confirmed" : "Not confirmed", text: confirmation.sentence }]
      : []),
    ...(refined ? [{ name: "Refined", text: refined.sentence }] : []),
    { name: "On the test data", text: outcomeOf(results) },
    ...(ship === undefined ? [] : [{ name: "To ship", text: ship }]),
    ...(exploratory === undefined ? [] : [{ name: "Exploratory", text: exploratory }]),
  ];
}
