// Builds an experiment's report from its folder.

import { join } from "node:path";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { writeWhole } from "../files/writeWhole.js";
import { fillOlder } from "./fillOlder.js";
import type { ExperimentCosts, ExperimentResults } from "./types.js";

export interface ReportOptions {
  /** Show answers side by side (the default). Without them the report holds no text that a model was asked or wrote, and may be published. */
  readonly examples?: boolean | undefined;
}

/**
 * Writes report.html (one file, works offline) and report.md beside the results.json and costs.json of an experiment; both
 * appear whole.
 * @returns the path of report.html
 * @throws RetemperError BAD_INPUT where the folder holds no finished experiment; IO, NO_SPACE
 * @example
 * ```ts
 * import { report } from "retemper";
 *
 * const page = await report("results", { examples: false }); // without texts that a model wrote
 * console.log(page); // results/report.html
 * ```
 */
export async function report(folder: string, { examples = true }: ReportOptions = {}): Promise<string> {
  const found = await readExperiment(folder);
  const results = examples ? found : withoutAnswers(found);
  const costs = ((await readJson(join(folder, "costs.json"), true)) ?? { steps: [] }) as ExperimentCosts;
  // what draws plots takes longer to load than most commands to run
  const [{ htmlReport }, { markdownReport }] = await Promise.all([import("./page/html.js"), import("./markdown.js")]);
  const html = join(folder, "report.html");
  await writeWhole(html, htmlReport(results, costs));
  await writeWhole(join(folder, "report.md"), markdownReport(results, costs));
  return html;
}

/** No text that a model wrote, and none that it was asked. */
function withoutAnswers(results: ExperimentResults): ExperimentResults {
  const bare = <T>(all: readonly T[] | undefined) => all?.map((one) => ({ ...one, answers: [] }));
  const { alarms, disagreements } = results;
  return {
    ...{ ...results, examples: [] },
    ...(alarms && { alarms: bare(alarms) }),
    ...(disagreements && { disagreements: bare(disagreements) }),
  };
}

/**
 * Reads the results.json of an experiment that has ended.
 * @param folder that the run wrote
 * @throws RetemperError BAD_INPUT where it is something else, or of another version
 * @example
 * ```ts
 * import { readExperiment } from "retemper";
 *
 * const { name, test } = await readExperiment("results");
 * for (const { method, lambda, asr, score } of test.chosen) {
 *   console.log(name, method, lambda, asr.value, score.value); // Calls linear 0.4 0 1
 * }
 * ```
 */
export async function readExperiment(folder: string): Promise<ExperimentResults> {
  const file = join(folder, "results.json");
  return fillOlder(await readJson(file, false), file);
}

async function readJson(file: string, optional: boolean): Promise<unknown> {
  try {
    return JSON.parse(await readTextAtMost(file, { most: 2 ** 28, what: "results" }));
  } catch (error) {
    if (optional && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new RetemperError("BAD_INPUT", (error as Error).message, {
      file,
      hint: "give the output folder of a retemper run that has ended",
      cause: error,
    });
  }
}
