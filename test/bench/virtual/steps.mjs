// `npm run bench -- virtual --steps`: a decoding step with a row of each lambda, beside as many rows of one lambda (the price of
// lambdas) and beside one row (of the batch), of an adapter beside its base, with `linear` fidelity, in several forms of the weights.

import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { recipeWithAdapter } from "../adapter.mjs";
import { observe } from "../process.mjs";
import { table } from "../results.mjs";

/**
 * @param {{ model: string, rank: number, lambdas: number[], weights: string[], threads: number[], precision: string, steps: number }} settings
 *   `model`: a folder; it gets an adapter in float32 on every linear layer, as tunings write it
 * @returns {Promise<string>} a table
 */
export async function timeSteps({ model, rank, lambdas, weights, threads, precision, steps }) {
  const name = basename(model);
  const source = recipeWithAdapter(model, rank);
  const script = fileURLToPath(new URL("runSteps.mjs", import.meta.url));
  const rows = [];
  for (const form of weights) {
    for (const count of threads) {
      const settings = { source, lambdas, weights: form, threads: count, precision, steps };
      const { stdout } = await observe(process.execPath, [script, JSON.stringify(settings)]);
      const { milliseconds, processor } = JSON.parse(stdout.trim().split("\n").at(-1));
      const ratio = (one, other) => (one / other).toFixed(2);
      const cells = ["lambdas", "rows", "one"].map(
        (which) => `${milliseconds[which].toFixed(1)} (${processor[which].toFixed(1)})`,
      );
      const ratios = [milliseconds, processor].flatMap((time) => [
        ratio(time.lambdas, time.rows),
        ratio(time.lambdas, time.one),
      ]);
      rows.push([form, count, ...cells, ...ratios]);
      console.error(rows.at(-1).join("  "));
    }
  }
  const n = lambdas.length;
  const head = ["weights", "threads", `${n} lambdas, ms (CPU ms)`, `${n} rows of one lambda`, "one row"];
  return `${name}, adapter of rank ${rank}\n\n${table(
    [...head, "lambdas / rows", "lambdas / one row", "lambdas / rows, CPU", "lambdas / one row, CPU"],
    rows,
  )}`;
}
