// Pools the folders of several studies into one.

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RetemperError } from "../errors.js";
import { poolStudies } from "./results/poolStudies.js";
import { readStudyResults, STUDY_FILE } from "./results/readStudyResults.js";
import type { StudyResults } from "./results/types.js";
import { writeStudy } from "./results/writeStudy.js";

/**
 * Pools studies over their tunings and items, where models, tasks, rule and settings agree. What several measured, the same
 * tuning on the same item, counts once. `out` gets study.json, report.html and report.md.
 * @param folders of studies, or of pooled ones
 * @throws RetemperError BAD_INPUT naming what differs where they do not agree; OUTPUT_EXISTS where `out` holds another study and
 *   `force` is not set; IO, NO_SPACE
 * @example
 * ```ts
 * import { mergeStudies } from "retemper";
 *
 * const { cells } = await mergeStudies(["study-a", "study-b"], "study");
 * for (const { task, model, tunings } of cells) console.log(task, model, tunings.length);
 * ```
 */
export async function mergeStudies(
  folders: readonly string[],
  out: string,
  { force = false }: { readonly force?: boolean | undefined } = {},
): Promise<StudyResults> {
  if (folders.length < 2) {
    throw new RetemperError("USAGE", "give the folders of two studies at least", {
      hint: "retemper study merge A B --out C",
    });
  }
  const studies: StudyResults[] = [];
  for (const folder of folders) studies.push(await readStudyResults(folder));
  const pooled = poolStudies(studies);
  const file = join(resolve(out), STUDY_FILE);
  if (
    !force &&
    (await readFile(file).then(
      () => true,
      () => false,
    ))
  ) {
    throw new RetemperError("OUTPUT_EXISTS", "a study is there already", {
      file,
      hint: "--force replaces it, or choose another --out",
    });
  }
  await writeStudy(resolve(out), pooled);
  return pooled;
}
