// The figures of a study: the attack success rate over lambda on each safety set by itself, and the score, for each task and model.

import { candidateId } from "../../select/names.js";
import { curvesOf, type Figure } from "../figures/plots.js";
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
      .map((cell) => figure(onSet(cell, set), "asr", [set, cell.task, cell.model])),
  }));
  const scores = cells.map((cell) => figure(cell, "score", ["score", cell.task, cell.model]));
  return [...ofSets, { id: "score", title: "Task score over lambda", figures: scores }];
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

function figure(cell: StudyViewCell, metric: "score" | "asr", name: readonly string[]): Figure {
  const { candidate } = cell.selection.overall;
  const chosen = candidate && cell.validation.candidates.find((one) => candidateId(one) === candidateId(candidate));
  const drawn = curvesOf(cell, metric, chosen);
  const id = idOf("figure", ...name);
  return {
    id,
    caption: `${cell.model}, ${cell.task}. ${drawn.caption}`,
    alternative: drawn.alternative,
    svg: drawn.svg.replaceAll(`${drawn.id}-title`, `${id}-title`),
  };
}
