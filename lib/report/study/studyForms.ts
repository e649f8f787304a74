// The forms in which the choices of a study ship, and which of them do not.

import type { ReportTable } from "../tables/reportTable.js";
import type { StudyView } from "./types.js";

export function studyForms({ cells }: StudyView): ReportTable {
  const all = cells.flatMap(({ model, task, ship = [] }) => ship.map((form) => ({ model, task, ...form })));
  return {
    id: "forms",
    caption: "What ships, beside what was measured",
    head: ["model", "task", "form", "holds", "folder"],
    rows: all.map(({ model, task, name, path, holds }) => [model, task, name, holds ? "yes" : "no", path]),
    note: "A form holds where it behaves as the merge that was measured, and keeps on the test data what the choice had to keep there. Folders are those of each experiment's own.",
    reasons: all.map(({ model, task, sentence }) => `${model}, ${task}: ${sentence}`),
  };
}
