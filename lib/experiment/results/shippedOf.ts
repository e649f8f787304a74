// What to ship of the models that a run wrote.

import type { ExperimentResults, ShippedModel } from "../../report/types.js";
import { nameOf } from "../../select/select.js";
import { CHOSEN } from "../steps/linkChosen.js";
import { seedToShip } from "./seedToShip.js";

/** What to ship; undefined where nothing qualifies, and where the choice does not hold on the data that confirm it. */
export function shippedOf(results: Omit<ExperimentResults, "shipped">): ShippedModel | undefined {
  const { candidate } = results.selection.overall;
  if (candidate === null || results.confirmation?.holds === false) return undefined;
  const outputs = results.outputs.filter(({ name }) => name === nameOf(candidate));
  const { seed, why } = seedToShip(
    results,
    outputs.map((one) => one.seed),
  );
  const output = outputs.find((one) => one.seed === seed);
  if (!output) return undefined;
  return { link: CHOSEN, path: output.path, ...(seed !== undefined && { seed }), ...(why !== undefined && { why }) };
}
