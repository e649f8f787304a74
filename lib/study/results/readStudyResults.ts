// Reads the study.json of a study's folder.

import { join } from "node:path";
import { RetemperError } from "../../errors.js";
import { readTextAtMost } from "../../files/readAtMost.js";
import { STUDY_FORMAT, type StudyPart, type StudyResults } from "./types.js";

export const STUDY_FILE = "study.json";

/**
 * What a study measured.
 * @param folder that `runStudy` or `mergeStudies` wrote
 * @throws RetemperError BAD_INPUT where it is something else
 * @example
 * ```ts
 * import { readStudyResults } from "retemper";
 *
 * const { name, cells } = await readStudyResults("study");
 * console.log(name, cells.length);
 * ```
 */
export async function readStudyResults(folder: string): Promise<StudyResults> {
  const file = join(folder, STUDY_FILE);
  const hint = "give the output folder of retemper study run or study merge";
  let value: Partial<StudyResults> | null;
  try {
    value = JSON.parse(await readTextAtMost(file, { most: 2 ** 28, what: "a study" }));
  } catch (error) {
    throw new RetemperError("BAD_INPUT", (error as Error).message, { file, hint, cause: error });
  }
  if (value?.format !== STUDY_FORMAT)
    throw new RetemperError("BAD_INPUT", `this is not ${STUDY_FORMAT}`, { file, hint });
  return withSkills(value as StudyResults);
}

/** Those of an earlier version know no skills. */
function withSkills(study: StudyResults): StudyResults {
  const part = ({ items, models }: StudyPart): StudyPart => ({
    items: { ...items, skills: items.skills ?? [] },
    models: models.map((model) => ({
      ...model,
      rows: model.rows.map((row) => ({ ...row, values: { ...row.values, skills: row.values.skills ?? [] } })),
    })),
  });
  const cells = study.cells.map((cell) => ({ ...cell, validation: part(cell.validation), test: part(cell.test) }));
  return { ...study, cells };
}
