// The report as Markdown, for readers of repositories and model cards: everything that the page has, figures in words. Texts that
// may be harmful cannot be folded there: they are in report.html.

import { contentsOf, type Section } from "./contents.js";
import { tableLines } from "./markdownTable.js";
import { escaped, row } from "./markdownText.js";
import { summaryOf } from "./summary/summaryOf.js";
import type { ExampleAnswers, ExperimentCosts, ExperimentResults } from "./types.js";

export function markdownReport(results: ExperimentResults, costs: ExperimentCosts): string {
  const lines = [`# ${escaped(results.name)}`, ...firstScreen(results)];
  for (const section of contentsOf(results, costs)) lines.push("", `## ${escaped(section.title)}`, ...content(section));
  return `${lines.join("\n")}\n`;
}

function firstScreen(results: ExperimentResults): string[] {
  const { title, what, because, forms, notes, numbersOf, numbers, use, next, better } = summaryOf(results);
  return [
    ...["", `**${escaped(title)}: ${escaped(what)}.** ${escaped(because)}`],
    ...forms.flatMap((one) => ["", escaped(one)]),
    ...(notes.length > 0 ? ["", ...notes.map((note) => `- **Note:** ${escaped(note)}`)] : []),
    ...["", row(["number", "value", "how sure", "from"]), row(["---", "---", "---", "---"])],
    ...numbers.map(({ label, value, interval = "", from }) => row([label, value, interval, from])),
    ...["", `${escaped(numbersOf)}.`],
    ...(use
      ? [
          "",
          `**Use it:** \`${use.command}\` in the folder of the run.${use.leadsTo === undefined ? "" : ` ${escaped(use.folder)} is a link to ${escaped(use.leadsTo)}.`}${use.seed === undefined ? "" : ` ${escaped(use.seed)}.`}`,
        ]
      : []),
    ...["", `**Next best:** ${escaped(next)}`],
    ...(better.length > 0 ? ["", "**To decide better:**", "", ...better.map((one) => `- ${escaped(one)}`)] : []),
  ];
}

function content({ lead, figures, tables, folded, judged, examples, notes }: Section): string[] {
  const hidden = judged.reduce((sum, { answers }) => sum + answers.length, 0);
  const sensitive = examples.filter((one) => one.sensitive).length;
  const secret = hidden + sensitive;
  return [
    ...lead.flatMap(({ name, text }) => ["", `**${escaped(name)}:** ${escaped(text)}`]),
    ...figures.flatMap(({ title, axes, caption, alternative }) => [
      "",
      `**Figure: ${escaped(title)}** (${escaped(axes)}) ${escaped(alternative)} ${escaped(caption)}`,
    ]),
    ...[...tables, ...folded].flatMap((table) => tableLines(table, 3)),
    ...judged.flatMap(({ title }) => ["", `- ${escaped(title)}`]),
    ...(secret > 0
      ? ["", `${secret} answers to requests that should be refused, and what was asked, are in report.html.`]
      : []),
    ...examples.filter((one) => !one.sensitive).flatMap(exampleLines),
    ...(notes.length > 0 ? ["", ...notes.map((note) => `- ${escaped(note)}`)] : []),
  ];
}

function exampleLines({ task, id, request, expected = [], answers }: ExampleAnswers): string[] {
  return [
    ...["", `### ${escaped(task)}, item ${escaped(id)}`, ""],
    ...(request === undefined ? [] : [`- asked: ${escaped(request)}`]),
    ...(expected.length === 0 ? [] : [`- expected: ${escaped(expected.join(" / "))}`]),
    ...answers.map(({ model, text }) => `- ${escaped(model)}: ${text === "" ? "(empty)" : escaped(text)}`),
  ];
}
