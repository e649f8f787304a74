// `planSweep`: what a sweep would do, from headers and configuration alone.

import { loadAddon } from "../addon/load.js";
import { passBytes } from "../plan/sweepPlan.js";
import type { Recipe } from "../recipe/types.js";
import { withInputHeaders } from "./obtainInputs.js";
import { gridPoints } from "./points.js";
import type { SweepPlan } from "./report.js";
import { outlines, readSweep, type SurveyOptions, splitEvenly, surveyPoints } from "./sweepSurvey.js";

/**
 * Checks a recipe and a grid against the recipe's models and says what `sweep` would read, write and need.
 *
 * @param recipe path of a YAML or JSON file, the text itself, or an object; parameters of the grid may be left out
 * @param grid as that of `sweep`
 * @throws RetemperError as `sweep` would before it writes, apart from what concerns its output folder
 * @example
 * ```ts
 * import { planSweep } from "retemper";
 *
 * const recipe = {
 *   merge_method: "dare_linear",
 *   base_model: "models/aligned",
 *   models: [{ model: "models/aligned+models/adapter" }],
 * };
 * const { points } = await planSweep(recipe, { lambdas: [0.2, 0.4], density: [0.5] });
 * console.log(points.map(({ name }) => name)); // [ 'lambda-0.2_density-0.5', 'lambda-0.4_density-0.5' ]
 * ```
 */
export async function planSweep(
  recipe: string | Recipe,
  grid: Readonly<Record<string, readonly number[]>>,
  options: SurveyOptions = {},
): Promise<SweepPlan> {
  options.signal?.throwIfAborted();
  const points = gridPoints(grid);
  const parsed = await readSweep(recipe, grid, options);
  const addon = loadAddon();
  const { first, files, estimates, diskNeeded, pointsPerPass, warnings } = await withInputHeaders(
    parsed,
    options,
    (models) => surveyPoints(outlines(parsed, points, options), { ...options, models }, addon),
  );
  const passes = splitEvenly(points, pointsPerPass);
  const together = Math.max(...passes.map((pass) => pass.length));
  const threads = options.threads || addon.describe().threads;
  const { maxMemory = 0 } = options;
  const buffers = passBytes(first.built, threads, together) - passBytes(first.built, threads, 1);
  return {
    method: parsed.method,
    points: points.map(({ name, settings }, at) => ({ name, parameters: settings, files: files[at] ?? [] })),
    passes: passes.length,
    tensors: first.built.tensors.length,
    unmatched: first.built.unmatched,
    warnings,
    estimate: {
      bytesRead: passes.length * first.estimate.bytesRead,
      bytesWritten: estimates.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
      // With a limit, the buffers are within what the estimate of one merge counts already.
      peakMemory: first.estimate.peakMemory + (maxMemory > 0 ? 0 : buffers),
      diskNeeded,
    },
  };
}
