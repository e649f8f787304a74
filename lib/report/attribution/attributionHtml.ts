// Where a tuning's losses and gains lie, as one HTML file: heat maps of layers and modules, and every number in a table. Nothing is
// loaded, no script runs, every text from outside is escaped.

import { Eta } from "eta";
import type { Figure } from "../figures/figure.js";
import { heatMap } from "../figures/heatMap.js";
import { escapeHtml } from "../page/escape.js";
import { FIGURES } from "../page/figureTemplate.js";
import { headOf } from "../page/headTemplate.js";
import { STYLE } from "../page/style.js";
import { cellHtml, TABLE } from "../page/tableTemplate.js";
import type { ReportTable } from "../tables/reportTable.js";
import type { AttributedDifference, AttributionResults } from "./types.js";

const PAGE = `${headOf("<%= it.title %>")}<header><h1><%= it.title %></h1></header>
<main id="content">
<% it.lines.forEach((line) => { %><p><%= line %></p><% }) %>
<%~ it.figures %>
<% it.tables.forEach((table) => { %><%~ table %>
<% }) %><% if (it.notes.length > 0) { %><ul><% it.notes.forEach((note) => { %><li><%= note %></li><% }) %></ul><% } %></main>
</body>
</html>
`;

export function attributionHtml(results: AttributionResults): string {
  const { name, labels, aligned, tuned, seeds, notes } = results;
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  const table = (one: ReportTable) => eta.renderString(TABLE, { ...one, cell: cellHtml });
  return eta.renderString(PAGE, {
    title: `${name}: where it was lost, and where it was learned`,
    style: STYLE,
    lines: [
      `${labels.asr}: aligned ${aligned.asr.value.toFixed(3)}, fine-tuned ${tuned.asr.value.toFixed(3)}. ${labels.score}: aligned ${aligned.score.value.toFixed(3)}, fine-tuned ${tuned.score.value.toFixed(3)}. ${seeds.length === 1 ? "One tuning" : `Means over ${seeds.length} tunings`}, on the data that choose.`,
      "One group of tensors at a time is taken back to the aligned model; a group that matters only together with another shows in neither. These numbers choose nothing, and are not corrected for their number.",
    ],
    figures: eta.renderString(FIGURES, { figures: figuresOf(results) }),
    tables: [tableOf(results), ...agreementTable(results)].map(table),
    notes,
  });
}

function figuresOf({ groups, restored, gradients, rhos, tensors = [], labels, better }: AttributionResults): Figure[] {
  const axes = "layers from left to right, modules from top to bottom";
  const ofGroups = (number: (at: number) => number | undefined) =>
    groups.flatMap(({ layer, module }, at) => {
      const value = number(at);
      return value === undefined || layer === undefined || module === undefined ? [] : [{ layer, module, value }];
    });
  const sign = better === "high" ? 1 : -1;
  return [
    heatMap({
      ...{ id: "refusals-restored", title: "Where the refusals were lost", axes, digits: 3 },
      caption: `How far the ${labels.asr} falls when the group is taken back to the aligned model. The second colour: it rises.`,
      cells: ofGroups((at) => negative(restored[at]?.asrChange.value)),
    }),
    heatMap({
      ...{ id: "task-restored", title: "Where the task was learned", axes, digits: 3 },
      caption: `How much worse the ${labels.score} gets when the group is taken back. The second colour: it gets better.`,
      cells: ofGroups((at) => negative(restored[at]?.scoreChange.value, sign)),
    }),
    heatMap({
      ...{ id: "refusals-gradient", title: "What makes the aligned model's answers less likely", axes, digits: 3 },
      caption:
        "The derivative of the loss of the aligned model's answers to unsafe requests by the group's coefficient. The second colour: it makes them likelier.",
      cells: ofGroups((at) => gradients?.[at]?.refusals),
    }),
    heatMap({
      ...{ id: "refusals-rho", title: "What turns away from what aligned the model: 1 - rho", axes, digits: 3 },
      caption:
        "How much of the direction of the group's change Safe LoRA's projection on what aligned the model does not leave: the mean of its modules.",
      cells: ofGroups((at) => (typeof rhos?.[at] === "number" ? 1 - rhos[at] : undefined)),
    }),
    heatMap({
      ...{ id: "task-gradient", title: "What makes the fine-tuned model's answers likelier", axes, digits: 3 },
      caption:
        "The negative derivative of the loss of the fine-tuned model's answers to the task by the group's coefficient.",
      cells: ofGroups((at) => negative(gradients?.[at]?.task)),
    }),
    heatMap({
      ...{ id: "refusals-tensors", title: "The same of refusals, tensor by tensor", axes, digits: 3 },
      caption: "The derivative by one tensor's coefficient.",
      cells: tensors.map(({ layer, module, refusals }) => ({ layer, module, value: refusals })),
    }),
    heatMap({
      ...{ id: "task-tensors", title: "The same of the task, tensor by tensor", axes, digits: 3 },
      caption: "The negative derivative by one tensor's coefficient.",
      cells: tensors.map(({ layer, module, task }) => ({ layer, module, value: -task })),
    }),
  ].filter((one) => one !== undefined);
}

function negative(value: number | undefined, sign = 1): number | undefined {
  return value === undefined ? undefined : -sign * value + 0;
}

function tableOf({ groups, restored, gradients, rhos, labels }: AttributionResults): ReportTable {
  const change = ({ value, low, high }: AttributedDifference) =>
    `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  return {
    id: "groups",
    caption: "One group taken back at a time",
    head: [
      ...["group", labels.asr, "change", labels.score, "change"],
      ...(gradients ? ["derivative, refusals", "derivative, task"] : []),
      ...(rhos ? ["rho"] : []),
    ],
    rows: groups.map(({ name }, at) => {
      const one = restored[at];
      const gradient = gradients?.[at];
      return [
        name,
        ...(one
          ? [one.asr.value.toFixed(3), change(one.asrChange), one.score.value.toFixed(3), change(one.scoreChange)]
          : ["", "", "", ""]),
        ...(gradient ? [gradient.refusals.toPrecision(3), gradient.task.toPrecision(3)] : []),
        ...(rhos ? [rhos[at]?.toFixed(3) ?? ""] : []),
      ];
    }),
    note: "Changes are against the fine-tuned model, on the same items, with their 95 % intervals of these tunings.",
  };
}

function agreementTable({ agreement }: AttributionResults): ReportTable[] {
  if (agreement.length === 0) return [];
  return [
    {
      id: "agreement",
      caption: "Whether the ways to attribute agree",
      head: ["of", "between", "rank correlation", "groups"],
      rows: agreement.map(({ of, a, b, correlation, groups }) => [
        of,
        `${a} and ${b}`,
        correlation === undefined ? "all the same" : correlation.toFixed(2),
        String(groups),
      ]),
    },
  ];
}
