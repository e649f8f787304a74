// The figures of a study: the attack success rate over lambda on each safety set by itself, and the score, for each task and model.

import { type Axis, axesOfAll } from "../axes.js";
import { curvesOf } from "../figures/curves.js";
import type { Figure } from "../figures/figure.js";
import { idOf } from "./studyTables.js";
import type { BySet, StudyView, StudyViewCell } from "./types.js";

/** Set by set: as the paper has one figure for each, with every task in it. */
export interface FigureGroup {
  readonly id: string;
  readonly title: string;
  readonly figures: readonly Figure[];
}

export function studyFigures({ cells }: StudyView): FigureGroup[] {
  const sets = [...new Set(cells.flatMap(({ safetySets }) => safetySets))];
  const ofSets = sets.map((set) => ({
    id: idOf("set", set),
    title: `Attack success rate over lambda: ${set}`,
    figures: cells
      .filter(({ safetySets }) => safetySets.includes(set))
      .flatMap((cell) => figure(onSet(cell, set), "asr", [set, cell.task, cell.model])),
  }));
  const axes = axesOfAll(cells.map(({ validation }) => validation));
  const ofAxes = axes.map((axis) => ({
    id: idOf("axis", axis.id),
    title: `${axis.name === "overRefusal" ? "Over-refusal" : axis.label} over lambda`,
    figures: cells.flatMap((cell) => figure(cell, axis, [axis.id, cell.task, cell.model])),
  }));
  const scores = cells.flatMap((cell) => figure(cell, "score", ["score", cell.task, cell.model]));
  return [...ofSets, { id: "score", title: "Task score over lambda", figures: scores }, ...ofAxes];
}

/** The cell with one set's rate in the place of that of all. */
function onSet(cell: StudyViewCell, set: string): StudyViewCell {
  const only = <T extends BySet & Pick<StudyViewCell["validation"]["aligned"], "asr">>(model: T): T => ({
    ...model,
    asr: model.sets[set] ?? model.asr,
  });
  const { validation, labels } = cell;
  const { aligned, tuned, candidates } = validation;
  return {
    ...cell,
    labels: { ...labels, asr: `${labels.asr}, ${set}` },
    validation: { ...validation, aligned: only(aligned), tuned: only(tuned), candidates: candidates.map(only) },
  };
}

/** The margin is of all sets together, so that no line of it is drawn on one. */
function figure(
  { labels, validation, selection, model, task }: StudyViewCell,
  metric: "score" | "asr" | Axis,
  name: readonly string[],
): Figure[] {
  const all = curvesOf({ labels, validation, selection: { overall: selection.overall } }, [metric]);
  return all.map((drawn, at) => {
    const id = idOf("figure", ...name, ...(at > 0 ? [String(at + 1)] : []));
    const svg = drawn.svg.replaceAll(`${drawn.id}-title`, `${id}-title`);
    return { ...drawn, ...{ id, svg, title: `${model}, ${task}: ${drawn.title}` } };
  });
}
