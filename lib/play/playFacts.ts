// What the page shows before anything is asked.

import { basename } from "node:path";
import type { Judge } from "../evaluate/types.js";
import { recipeOf } from "../generate/virtual/recipeOf.js";
import type { PartContext } from "../serve/serverPart.js";
import type { PlayOptions } from "./playOptions.js";
import type { PlayFacts } from "./types.js";

export function playFacts(
  { model, models, settings }: PartContext,
  options: PlayOptions & { readonly judge: Judge },
): PlayFacts {
  const { fidelity, lambdas } = model.facts;
  const { method } = model.describe();
  const { prompts = [], judge, set, results, source } = options;
  return {
    model: settings.name,
    method,
    fidelity,
    lambdaRange: models.range,
    lambdas,
    weightNames: models.weightNames,
    recipe: source !== undefined && recipeOf(source) !== undefined,
    chat: model.tokenizer.hasChatTemplate,
    judge: judge.name,
    set: set === undefined ? undefined : basename(set),
    prompts,
    contextLength: model.contextLength,
    maxNewTokens: settings.maxTokens,
    results,
  };
}
