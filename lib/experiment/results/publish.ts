// The last step of a run: what it found, in files. results.json says nothing of how the run came about; costs.json does.

import { join } from "node:path";
import { writeWhole } from "../../files/writeWhole.js";
import type { ExperimentResults } from "../../report/types.js";
import { linkChosen } from "../steps/linkChosen.js";
import type { StepRecord } from "../steps/step.js";
import { markUnconfirmed } from "./markUnconfirmed.js";
import { resultsText } from "./resultsText.js";
import { shippedOf } from "./shippedOf.js";
import { writeCards } from "./writeCards.js";

/**
 * @param records of all steps that were ever done in this folder
 * @throws RetemperError IO, NO_SPACE; OUTPUT_EXISTS where something else is called models/chosen
 */
export async function publish(
  out: string,
  found: Omit<ExperimentResults, "shipped">,
  records: readonly StepRecord[],
): Promise<ExperimentResults> {
  await markUnconfirmed(out, found);
  const shipped = await linkChosen(out, shippedOf(found));
  const results: ExperimentResults = { ...found, ...(shipped && { shipped }) };
  await writeCards(out, results);
  await writeWhole(join(out, "results.json"), resultsText(results));
  const steps = records.map(({ format: _, inputs: __, ...of }) => of);
  await writeWhole(join(out, "costs.json"), `${JSON.stringify({ steps }, null, 1)}\n`);
  return results;
}
