// What of a recipe decides its made inputs.

import { sortKeys } from "../../recipe/identity.js";
import type { ParsedRecipe } from "../../recipe/types.js";
import { preparedMethod } from "./preparedMethods.js";

/** The same text for recipes whose made inputs are the same. */
export function whatIsMade({
  method,
  parameters,
  baseModel,
  unalignedModel,
  safeModel,
  modules,
}: ParsedRecipe): string {
  const models = modules.flatMap(({ slices }) => slices.flatMap(({ sources }) => sources.map(({ model }) => model)));
  const decides = preparedMethod(method).decides.map((name) => [name, parameters[name]]);
  return JSON.stringify(sortKeys({ method, decides, models, baseModel, unalignedModel, safeModel }));
}
