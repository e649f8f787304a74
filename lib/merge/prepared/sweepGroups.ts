// The points of a sweep by what is made for them: of a method that is prepared, points that differ in weights of its sum share
// what was made, and others come after it is gone.

import { join } from "node:path";
import { openStaging } from "../../output/openStaging.js";
import { METHODS } from "../../recipe/methods.js";
import type { FinishContext } from "../finish.js";
import type { MergeOptions } from "../options.js";
import { type Survey, type SweepRecipe, surveyPoints } from "../sweepSurvey.js";
import { prepareVariants } from "./prepareVariants.js";
import type { Gate } from "./types.js";
import { whatIsMade } from "./whatIsMade.js";

export interface SweepGroup {
  readonly recipes: readonly SweepRecipe[];
  readonly survey: Survey;
  readonly options: MergeOptions;
  readonly gates?: readonly Gate[] | undefined;
}

/**
 * What a group has made lies in a staging folder of the sweep's folder until the next group is asked for.
 * @param survey of all points; the only group's, of other methods
 */
export async function* sweepGroups(
  target: string,
  recipes: readonly SweepRecipe[],
  survey: Survey,
  { options, addon, progress }: FinishContext,
): AsyncGenerator<SweepGroup> {
  const [first] = recipes as [SweepRecipe];
  if (!METHODS[first.written.method].prepared) {
    yield { recipes, survey, options };
    return;
  }
  const groups = new Map<string, SweepRecipe[]>();
  for (const recipe of recipes) {
    const key = whatIsMade(recipe.written);
    groups.set(key, [...(groups.get(key) ?? []), recipe]);
  }
  for (const group of groups.values()) {
    const staging = await openStaging(join(target, "prepared"), { force: true });
    try {
      progress.start("prepare");
      const written = group.map((recipe) => recipe.written);
      const made = await prepareVariants(
        written,
        staging.folder,
        { ...options, onProgress: undefined },
        addon,
        progress,
      );
      const merged = group.map(({ point, written }, at) => ({
        point,
        written,
        ordinary: made.recipes[at] as SweepRecipe["ordinary"],
      }));
      const own = { ...options, models: made.models };
      const found = await surveyPoints(merged, own, addon);
      const warnings = [...new Set([...made.warnings, ...found.warnings])];
      yield { recipes: merged, survey: { ...found, warnings }, options: own, gates: made.gates };
    } finally {
      await staging.close();
    }
  }
}
