// Writes a comparison of models, tensor by tensor, as a page.

import { writeWhole } from "../../files/writeWhole.js";
import type { TensorComparison } from "../../merge/compareTensors.js";

/**
 * Writes what `compareTensors` found as one HTML file that loads nothing: heat maps of layers and modules, and a table of all
 * numbers. What stood there is replaced.
 * @param file its name, such as `compared.html`
 * @throws RetemperError IO, NO_SPACE
 * @example
 * ```ts
 * import { comparisonReport, compareTensors } from "retemper";
 *
 * await comparisonReport(await compareTensors("models/aligned", "models/aligned+models/adapter"), "compared.html");
 * ```
 */
export async function comparisonReport(comparison: TensorComparison, file: string): Promise<void> {
  // what draws plots takes longer to load than most commands to run
  const { comparisonHtml } = await import("./comparisonHtml.js");
  await writeWhole(file, comparisonHtml(comparison));
}
