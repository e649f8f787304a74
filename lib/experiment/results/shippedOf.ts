// What to ship of the models that a run wrote.

import type { ExperimentResults, ShippedModel } from "../../report/types.js";
import { candidateId } from "../../select/names.js";
import { CHOSEN } from "../steps/linkChosen.js";
import type { SeedToShip } from "./seedToShip.js";

/**
 * What to ship; undefined where nothing qualifies, and where the choice does not hold on the data that confirm it.
 * @param ship which seed's merge of the choice
 */
export function shippedOf(
  { selection, confirmation, outputs }: Pick<ExperimentResults, "selection" | "confirmation" | "outputs">,
  ship: SeedToShip | undefined,
): ShippedModel | undefined {
  const { candidate } = selection.overall;
  if (candidate === null || confirmation?.holds === false || !ship) return undefined;
  const { seed, why } = ship;
  const output = outputs.find((one) => one.candidate === candidateId(candidate) && one.seed === seed);
  if (!output) return undefined;
  return { link: CHOSEN, path: output.path, ...(seed !== undefined && { seed }), ...(why !== undefined && { why }) };
}
