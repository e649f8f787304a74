// Builds an experiment's report from its folder.

import { join } from "node:path";
import { RetemperError } from "../errors.js";
import { readTextAtMost } from "../files/readAtMost.js";
import { writeWhole } from "../files/writeWhole.js";
import { markdownReport } from "./markdown.js";
import { EXPERIMENT_FORMAT, type ExperimentCosts, type ExperimentResults } from "./types.js";

export interface ReportOptions {
  /** Show answers side by side (the default). Without them the report holds no text that a model wrote, and may be published. */
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
  const alarms = found.alarms?.map((alarm) => ({ ...alarm, answers: [] }));
  const results = examples ? found : { ...found, examples: [], alarms };
  const costs = ((await readJson(join(folder, "costs.json"), true)) ?? { steps: [] }) as ExperimentCosts;
  const { htmlReport } = await import("./page/html.js"); // what draws plots takes longer to load than most commands to run
  const html = join(folder, "report.html");
  await writeWhole(html, htmlReport(results, costs));
  await writeWhole(join(folder, "report.md"), markdownReport(results, costs));
  return html;
}

/**
 * Reads the results.json of an experiment that has ended.
 * @param folder that the run wrote
 * @throws RetemperError BAD_INPUT where it is something else
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
  const value = (await readJson(file, false)) as Partial<ExperimentResults> | null;
  if (value?.format !== EXPERIMENT_FORMAT) {
    throw new RetemperError("BAD_INPUT", `this is not ${EXPERIMENT_FORMAT}`, {
      file,
      hint: "give the output folder of retemper run",
    });
  }
  return value as ExperimentResults;
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
