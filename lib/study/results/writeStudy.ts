// A study's files: what it measured, and the report of that.

import { join } from "node:path";
import { makeFolder } from "../../files/makeFolder.js";
import { readStudyResults, STUDY_FILE } from "./readStudyResults.js";
import type { StudyResults } from "./types.js";
import { viewOf } from "./viewOf.js";
import { writeBeside } from "./writeBeside.js";

export async function writeStudy(out: string, results: StudyResults): Promise<void> {
  await makeFolder(out);
  await writeBeside(join(out, STUDY_FILE), `${JSON.stringify(results)}\n`);
  await writeReport(out, results);
}

/**
 * Writes report.html and report.md of a study's folder again, from its study.json alone.
 * @returns the path of report.html
 * @throws RetemperError BAD_INPUT where the folder holds no study; IO, NO_SPACE
 * @example
 * ```ts
 * import { studyReport } from "retemper";
 *
 * console.log(await studyReport("study"));
 * ```
 */
export async function studyReport(folder: string): Promise<string> {
  return writeReport(folder, await readStudyResults(folder));
}

async function writeReport(out: string, results: StudyResults): Promise<string> {
  const view = viewOf(results);
  // what draws plots takes longer to load than most commands to run
  const { studyHtml } = await import("../../report/study/studyHtml.js");
  const { studyMarkdown } = await import("../../report/study/studyMarkdown.js");
  const page = join(out, "report.html");
  await writeBeside(page, studyHtml(view));
  await writeBeside(join(out, "report.md"), studyMarkdown(view));
  return page;
}
