// Models compared tensor by tensor as one HTML file: heat maps of layers and modules, and every number in a table. Nothing is
// loaded, no script runs, every text from outside is escaped.

import { Eta } from "eta";
import type { ComparedChanges, ComparedTensor, TensorComparison } from "../../merge/compareTensors.js";
import type { Figure } from "../figures/figure.js";
import { heatMap } from "../figures/heatMap.js";
import { escapeHtml } from "../page/escape.js";
import { FIGURES } from "../page/figureTemplate.js";
import { headOf } from "../page/headTemplate.js";
import { STYLE } from "../page/style.js";
import { cellHtml, TABLE } from "../page/tableTemplate.js";
import { type ReportTable, withoutEmptyColumns } from "../tables/reportTable.js";

const PAGE = `${headOf("<%= it.title %>")}<header><h1><%= it.title %></h1></header>
<main id="content">
<% it.lines.forEach((line) => { %><p><%= line %></p><% }) %>
<%~ it.figures %>
<%~ it.table %>
</main>
</body>
</html>
`;

export function comparisonHtml(comparison: TensorComparison): string {
  const { aligned, tuned, unaligned, leftOut } = comparison;
  const eta = new Eta({ autoEscape: true, autoTrim: false, escapeFunction: escapeHtml });
  return eta.renderString(PAGE, {
    title: "What the tuning changed",
    style: STYLE,
    lines: [
      `Aligned (A): ${aligned}. Fine-tuned (F): ${tuned}.${unaligned === undefined ? "" : ` Unaligned (U): ${unaligned}.`}`,
      `D = F - A is what the tuning did${unaligned === undefined ? "" : "; V = A - U what the alignment did"}. Norms are Euclidean.`,
      ...(leftOut.length > 0
        ? [`Only some of the models store these, so that they do not count: ${leftOut.join(", ")}.`]
        : []),
    ],
    figures: eta.renderString(FIGURES, { figures: figuresOf(comparison) }),
    table: eta.renderString(TABLE, { ...withoutEmptyColumns(tableOf(comparison)), cell: cellHtml }),
  });
}

function figuresOf({ tensors }: TensorComparison): Figure[] {
  const cellsOf = (number: (tensor: ComparedTensor) => number | undefined) =>
    tensors.flatMap((tensor) => {
      const value = number(tensor);
      const { layer, module } = tensor;
      return value === undefined || layer === undefined || module === undefined ? [] : [{ layer, module, value }];
    });
  const axes = "layers from left to right, modules from top to bottom";
  return [
    heatMap({
      ...{ id: "tuning", title: "How much the tuning changed", axes, digits: 3 },
      caption: "The norm of D divided by that of the aligned model's weights.",
      cells: cellsOf(({ tuning }) => tuning.relative),
    }),
    heatMap({
      ...{ id: "tuning-rank", title: "In how many directions", axes, digits: 1 },
      caption: "The effective rank of D: 1 where it is a product of two vectors.",
      cells: cellsOf(({ tuning }) => tuning.effectiveRank),
    }),
    heatMap({
      ...{ id: "alignment", title: "How much the alignment changed", axes, digits: 3 },
      caption: "The norm of V divided by that of the aligned model's weights.",
      cells: cellsOf(({ alignment }) => alignment?.relative),
    }),
    heatMap({
      ...{ id: "cosine", title: "Whether the tuning undoes the alignment", axes, digits: 2 },
      caption:
        "The cosine of D and V. The second colour is below 0: the tuning goes back towards the unaligned model there.",
      cells: cellsOf(({ cosineOfChanges }) => cosineOfChanges),
    }),
    heatMap({
      ...{ id: "signs", title: "Elements that both changed in the same direction", axes, digits: 2, most: 1 },
      caption: "As a share of those that both changed: .5 where the two have nothing to do with each other.",
      cells: cellsOf(({ signAgreement }) => signAgreement),
    }),
  ].filter((one) => one !== undefined);
}

function tableOf({ tensors, total }: TensorComparison): ReportTable {
  const row = (name: string, shape: string, { norm, cosine, tuning, alignment, ...of }: ComparedChanges) => [
    ...[name, shape, digits(norm), digits(cosine), digits(tuning.norm), digits(tuning.relative)],
    ...[digits(tuning.effectiveRank), digits(alignment?.norm), digits(alignment?.relative)],
    ...[digits(alignment?.effectiveRank), digits(of.cosineOfChanges), digits(of.signAgreement)],
  ];
  return {
    id: "tensors",
    caption: "Every tensor",
    head: [
      ...["tensor", "shape", "norm of A", "cosine of A and F", "norm of D", "D / A", "effective rank of D"],
      ...["norm of V", "V / A", "effective rank of V", "cosine of D and V", "same sign"],
    ],
    rows: [
      ...tensors.map((tensor) => row(tensor.name, tensor.shape.join(" x "), tensor)),
      row("all of them", "", total),
    ],
  };
}

function digits(value: number | undefined): string {
  return value === undefined ? "" : value.toPrecision(4);
}
