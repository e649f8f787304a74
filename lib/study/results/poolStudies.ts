// Several studies as one.

import { poolCells } from "./poolCells.js";
import type { StudyCell, StudyResults } from "./types.js";

/**
 * Cells of the same task and model are pooled, others stand beside each other, in the order in which they come.
 * @throws RetemperError BAD_INPUT as `poolCells` does
 */
export function poolStudies(studies: readonly StudyResults[]): StudyResults {
  const [first] = studies;
  const cells = new Map<string, StudyCell>();
  const notes = new Set(studies.flatMap((study) => study.notes));
  for (const cell of studies.flatMap((study) => study.cells)) {
    const key = JSON.stringify([cell.model, cell.task]);
    const there = cells.get(key);
    if (!there) {
      cells.set(key, cell);
      continue;
    }
    const pooled = poolCells(there, cell);
    cells.set(key, pooled.cell);
    for (const note of pooled.notes) notes.add(note);
  }
  const { format, name } = first as StudyResults;
  const versions = [...new Set(studies.flatMap((study) => study.versions))].sort();
  return { format, name, versions, cells: [...cells.values()], notes: [...notes] };
}
