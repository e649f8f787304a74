// Of all that work on a run, one writes what it found, and the report; the others find it written.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readIfThere } from "../../files/readIfThere.js";
import { report } from "../../report/report.js";
import type { ExperimentResults } from "../../report/types.js";
import { inTurn } from "../sharing/inTurn.js";
import { soleWorker, type Workers } from "../sharing/workers.js";
import type { StepRecords } from "../steps/stepRecords.js";
import { type PublishOptions, publish } from "./publish.js";
import { resultsText } from "./resultsText.js";
import { shippedOf } from "./shippedOf.js";

export interface PublishInTurnOptions extends PublishOptions {
  readonly workers: Workers;
  readonly signal?: AbortSignal | undefined;
}

const LIMIT = { most: 2 ** 30, what: "the results" };

/** @throws as publish() and report() do; the signal's reason */
export async function publishInTurn(
  out: string,
  found: Omit<ExperimentResults, "shipped">,
  records: StepRecords,
  { workers, signal, ...options }: PublishInTurnOptions,
): Promise<ExperimentResults> {
  const shipped = shippedOf(found, options.ship);
  const results: ExperimentResults = { ...found, ...(shipped && { shipped }) };
  const work = async () => {
    if (workers !== soleWorker && (await isPublished(out, resultsText(results)))) return results;
    const published = await publish(out, found, await records.all(), options);
    await report(out);
    return published;
  };
  return inTurn(workers, "publish", work, signal);
}

/** The report is written last: one that is older is of other results, or its writer was killed before. */
async function isPublished(out: string, text: string): Promise<boolean> {
  const file = join(out, "results.json");
  if ((await readIfThere(file, LIMIT)) !== text) return false;
  const [results, written] = await Promise.all([stat(file), stat(join(out, "report.md")).catch(() => undefined)]);
  return written !== undefined && written.mtimeMs >= results.mtimeMs;
}
