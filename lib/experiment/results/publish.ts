// The last step of a run: what it found, in files. results.json says nothing of how the run came about; costs.json does.

import { join } from "node:path";
import { writeWhole } from "../../files/writeWhole.js";
import type { ExperimentResults } from "../../report/types.js";
import { linkChosen } from "../steps/linkChosen.js";
import type { StepRecord } from "../steps/step.js";
import { markUnconfirmed } from "./markUnconfirmed.js";
import { obsoleteModels } from "./obsoleteModels.js";
import { resultsText } from "./resultsText.js";
import type { SeedToShip } from "./seedToShip.js";
import { shippedOf } from "./shippedOf.js";
import { writeCards } from "./writeCards.js";

export interface PublishOptions {
  /** Which seed's merge of the choice is shipped. */
  readonly ship: SeedToShip | undefined;
  /** Removes models of an earlier choice. */
  readonly prune?: boolean | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * Models of an earlier choice are marked as obsolete, or removed.
 * @param records of all steps that were ever done in this folder
 * @throws RetemperError IO, NO_SPACE; OUTPUT_EXISTS where something else is called models/chosen
 */
export async function publish(
  out: string,
  found: Omit<ExperimentResults, "shipped">,
  records: readonly StepRecord[],
  { ship, prune, onNote }: PublishOptions,
): Promise<ExperimentResults> {
  await markUnconfirmed(out, found);
  const shipped = await linkChosen(out, shippedOf(found, ship));
  const { marked, removed } = await obsoleteModels(out, found, prune === true);
  if (marked.length > 0)
    onNote?.(`of an earlier choice, and marked as obsolete: ${marked.join(", ")}; --prune removes them`);
  if (removed.length > 0) onNote?.(`of an earlier choice, and removed: ${removed.join(", ")}`);
  const results: ExperimentResults = { ...found, ...(shipped && { shipped }) };
  await writeCards(out, results);
  await writeWhole(join(out, "results.json"), resultsText(results));
  const steps = records.map(({ format: _, inputs: __, ...of }) => of);
  await writeWhole(join(out, "costs.json"), `${JSON.stringify({ steps }, null, 1)}\n`);
  return results;
}
