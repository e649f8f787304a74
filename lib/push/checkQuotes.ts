// Whether a report that is to be published quotes what models answered, which may have been harmful requests.

import { readTextAtMost } from "../files/readAtMost.js";
import type { Contents } from "./contents.js";

/** As `report` heads its section of answers. */
const HEADING = /^## Answers side by side$/m;

export async function checkQuotes({ what, files }: Contents): Promise<string[]> {
  const markdown = files.get("report.md");
  if (what !== "report" || markdown === undefined) return [];
  if (!HEADING.test(await readTextAtMost(markdown, { most: 2 ** 26, what: "a report" }))) return [];
  return ["the report quotes answers of models: retemper report FOLDER --no-examples builds one without them"];
}
