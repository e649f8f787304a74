// Several recipes of one method that is prepared: what they share is made once.

import { join } from "node:path";
import type { Addon } from "../../addon/surface.js";
import { RetemperError } from "../../errors.js";
import { METHODS } from "../../recipe/methods.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import type { MergeOptions } from "../options.js";
import type { ProgressReporter } from "../progress.js";
import { preparedMethod } from "./preparedMethods.js";
import { makeIn } from "./prepareInTwo.js";
import type { Gate } from "./types.js";
import { whatIsMade } from "./whatIsMade.js";

export interface PreparedVariants {
  /** Ordinary ones, in the order of the recipes. */
  readonly recipes: readonly ParsedRecipe[];
  /** The ordinary one of a further recipe, which needs what was made for the others. */
  ordinary(recipe: ParsedRecipe): ParsedRecipe;
  /** Folders by the names that the recipes have for them, the caller's among them. */
  readonly models: Readonly<Record<string, string>>;
  readonly gates?: readonly Gate[];
  readonly warnings: readonly string[];
}

/**
 * @param recipes that differ in weights of the sum only (lambda, gamma, …)
 * @param folder where what is made may lie as long as something reads it
 */
export async function prepareVariants(
  recipes: readonly ParsedRecipe[],
  folder: string,
  options: MergeOptions,
  addon: Addon,
  progress?: ProgressReporter,
): Promise<PreparedVariants> {
  const [first] = recipes as [ParsedRecipe];
  if (!METHODS[first.method].prepared) {
    return { recipes, ordinary: (recipe) => recipe, models: { ...options.models }, warnings: [] };
  }
  if (new Set(recipes.map(whatIsMade)).size > 1) {
    const { decides } = preparedMethod(first.method);
    throw new RetemperError("USAGE", `variants of ${first.method} must not differ in ${decides.join(" and ")}`, {
      hint: "what is made for them depends on it: open them one after the other",
    });
  }
  const method = preparedMethod(first.method);
  const made = await makeIn(join(folder, "prepared"), first, options, addon, progress);
  const ordinary = (recipe: ParsedRecipe) => method.ordinary(recipe, made);
  return {
    recipes: recipes.map(ordinary),
    ordinary,
    models: { ...options.models, ...made.models },
    ...(made.gates && { gates: made.gates }),
    warnings: made.warnings,
  };
}
